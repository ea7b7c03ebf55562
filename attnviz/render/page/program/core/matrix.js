// From a map and the state to the matrix that is shown: pieces merged into words, tokens hidden.

/**
 * @typedef {import("./types.js").State} State
 * @typedef {import("./types.js").Matrix} Matrix
 * @typedef {import("./types.js").Label} Label
 * @typedef {import("./types.js").SequenceFacts} SequenceFacts
 * @typedef {import("./data.js").AttentionMap} AttentionMap
 * @typedef {Pick<State, "words"|"special"|"step">} Shown
 */

/**
 * Say which rows or columns are shown.
 * @param {SequenceFacts} sequence
 * @param {Shown} shown
 * @returns {Label[]}
 */
export function labelsOf(sequence, shown) {
  const { tokens, words } = sequence;
  const merged = shown.words && words;
  const starts = merged ? words.starts : tokens.map((_, position) => position);
  const labels = starts.map((start, place) => {
    const stop = starts[place + 1] ?? tokens.length;
    const { kind, part, place: where, run } = tokens[start];
    const text = merged ? words.shown[place] : tokens[start].shown;
    const positions = Array.from({ length: stop - start }, (_, piece) => start + piece);
    return { text, kind, part, place: where, position: start, positions, ...(run ? { run } : {}) };
  });
  if (isOfRuns(sequence)) return labels;
  const last = lastPosition(sequence, shown.step);
  return labels.filter(({ kind, position }) => position <= last && (shown.special || kind !== "special"));
}

/**
 * Whether rows stand for runs of tokens from the start, so that none can be hidden or merged.
 * @param {SequenceFacts} sequence
 * @returns {boolean}
 */
export function isOfRuns({ pooled: isPooled, tokens }) {
  return isPooled && tokens[0]?.run !== undefined;
}

/**
 * Say up to which token a sequence is shown after so many steps of generation.
 * @param {SequenceFacts} sequence
 * @param {number|null} step
 * @returns {number}
 */
function lastPosition(sequence, step) {
  const first = sequence.tokens.findIndex(({ kind }) => kind === "generated");
  return step === null || first < 0 ? sequence.tokens.length - 1 : first + step - 1;
}

/**
 * Give a head's weights as they are shown. What is looked at is a word whole, so the weights of its pieces are
 * added; what looks is each piece, so their rows are averaged (Clark et al. 2019, section 4.1).
 * @param {AttentionMap} map
 * @param {string} name of a head that is open
 * @param {Shown} shown
 * @returns {Matrix}
 */
export function matrixOf(map, name, shown) {
  const rows = labelsOf(map.queries, shown);
  const columns = labelsOf(map.keys, shown);
  const weights = map.weights(name);
  const { values, hidden, lost } = merged(weights, map.keys.tokens.length, rows, columns);
  const masses = map.rowMasses(name);
  if (masses) rows.forEach(({ positions }, row) => (lost[row] = lack(masses, positions)));
  if (map.facts.pooling) hidden.fill(0);
  if (map.facts.pooling || !leaks(map, name)) lost.fill(0);
  return { rows, columns, values, hidden, lost, masked: maskOf(map, name, rows, columns) };
}

/**
 * @param {Float32Array} weights (query, key)
 * @param {number} keys
 * @param {Label[]} rows
 * @param {Label[]} columns
 */
function merged(weights, keys, rows, columns) {
  const values = new Float32Array(rows.length * columns.length);
  const hidden = new Float32Array(rows.length);
  const lost = new Float32Array(rows.length);
  const columnOf = new Int32Array(keys).fill(-1);
  columns.forEach(({ positions }, column) => positions.forEach((key) => (columnOf[key] = column)));
  rows.forEach(({ positions }, row) => {
    let mass = 0;
    for (const query of positions) {
      for (let key = 0, cell = query * keys; key < keys; key += 1, cell += 1) {
        const share = weights[cell] / positions.length;
        mass += share;
        if (columnOf[key] < 0) hidden[row] += share;
        else values[row * columns.length + columnOf[key]] += share;
      }
    }
    lost[row] = Math.max(0, 1 - mass);
  });
  return { values, hidden, lost };
}

/**
 * Say how much mass the pieces of a row lack, on average.
 * @param {Float32Array} masses (query)
 * @param {number[]} positions
 * @returns {number}
 */
function lack(masses, positions) {
  const mass = positions.reduce((sum, query) => sum + masses[query], 0) / positions.length;
  return Math.max(0, 1 - mass);
}

/**
 * Whether a head's rows may lack mass, so that what they lack is worth showing.
 * @param {AttentionMap} map
 * @param {string} name
 * @returns {boolean}
 */
function leaks(map, name) {
  const { layers, sinks, dropped } = map.facts;
  return dropped > 0 || sinks.includes(layers[map.find(name)?.layer ?? 0]);
}

/**
 * Say where a layer let nobody look: no piece of the row at any piece of the column.
 * @param {AttentionMap} map
 * @param {string} name
 * @param {Label[]} rows
 * @param {Label[]} columns
 * @returns {Uint8Array} (row, column)
 */
function maskOf(map, name, rows, columns) {
  const masked = new Uint8Array(rows.length * columns.length);
  const layer = map.find(name)?.layer ?? 0;
  if (!map.hides(layer)) return masked;
  let cell = 0;
  for (const { positions: queries } of rows) {
    for (const { positions: keys } of columns) {
      const seen = queries.some((query) => keys.some((key) => map.sees(layer, query, key)));
      masked[cell] = seen ? 0 : 1;
      cell += 1;
    }
  }
  return masked;
}

/**
 * Find the row or column a position is shown in.
 * @param {Label[]} labels
 * @param {number|null} position
 * @returns {number} -1 where it is not shown
 */
export function placeOf(labels, position) {
  return position === null ? -1 : labels.findIndex(({ positions }) => positions.includes(position));
}

/**
 * Shrink a matrix: the largest weight of each block of cells.
 * @param {Float32Array} values (row, column)
 * @param {number} rows
 * @param {number} columns
 * @param {number} most rows and columns of the result
 * @returns {{values: Float32Array, rows: number, columns: number}}
 */
export function pooled(values, rows, columns, most) {
  const height = Math.min(rows, most);
  const width = Math.min(columns, most);
  if (height === rows && width === columns) return { values, rows, columns };
  const small = new Float32Array(height * width);
  const target = Int32Array.from({ length: columns }, (_, column) => Math.floor((column * width) / columns));
  for (let row = 0, cell = 0; row < rows; row += 1) {
    const start = Math.floor((row * height) / rows) * width;
    for (let column = 0; column < columns; column += 1, cell += 1) {
      const place = start + target[column];
      if (values[cell] > small[place]) small[place] = values[cell];
    }
  }
  return { values: small, rows: height, columns: width };
}
