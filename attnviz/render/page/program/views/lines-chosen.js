// Which weights are drawn as lines: those from a threshold up, or the strongest, or those of one token.

/**
 * @typedef {import("../core/types.js").Matrix} Matrix
 * @typedef {Pick<Matrix, "rows"|"columns"|"values"|"hidden"|"lost"> & {masses?: number[]|null}} LinesMatrix with
 *     the mass of each row on keys there are, where that is known better than by its weights
 * @typedef {{row: number, column: number}} LinesPicks a row and a column that are looked at alone; -1 for none
 * @typedef {{head: number, row: number, column: number, weight: number}} LinesLink `head` counts those drawn
 * @typedef {object} LinesChosen
 * @property {LinesLink[]} links the weakest first, so that the strongest are drawn on top
 * @property {number} possible how many weights there are above nothing
 * @property {number} least the smallest weight drawn
 * @property {boolean} cut whether the strongest only are drawn, of more that are above the threshold
 * @property {number} mass what is drawn, as a share of what all rows looked at have
 * @property {number} hidden what tokens that are hidden have, as a share of the same
 */

/** No more lines than this are drawn, whatever the threshold. */
export const LINES_MOST = 4000;

// Without a threshold: weights from this part of the largest up, ...
const LINES_PART = 1 / 50;
const LINES_PART_ALONE = 1 / 1000;

// ... and of them this many for each row.
const LINES_EACH = 4;
const LINES_FEW = 200;
const LINES_MANY = 1500;

/**
 * Choose the lines.
 * @param {LinesMatrix[]} matrices of the heads drawn
 * @param {LinesPicks} picks
 * @param {number} threshold 0 for what can be read well
 * @returns {LinesChosen}
 */
export function linesChosen(matrices, picks, threshold) {
  const alone = picks.row >= 0 || picks.column >= 0;
  const top = linesTop(matrices);
  const floor = threshold || top * (alone ? LINES_PART_ALONE : LINES_PART);
  const most = threshold || alone ? LINES_MOST : linesMost(matrices);
  const told = { possible: 0, drawn: 0, whole: 0, hidden: 0 };
  for (const matrix of matrices) {
    linesCells(matrix, picks, (weight) => (told.possible += weight > 0 ? 1 : 0));
    const mass = linesMass(matrix, picks);
    told.whole += mass.whole;
    told.hidden += mass.hidden;
  }
  const { links, cut } = linesStrongest(matrices, picks, floor, most);
  for (const { weight } of links) told.drawn += weight;
  return {
    links,
    possible: told.possible,
    least: links[0]?.weight ?? 0,
    cut,
    mass: told.whole > 0 ? Math.min(1, told.drawn / told.whole) : 0,
    hidden: told.whole > 0 ? told.hidden / told.whole : 0,
  };
}

/**
 * Find the strongest weights from a floor up. Numbers are sorted first and links made of few of them only.
 * @param {LinesMatrix[]} matrices
 * @param {LinesPicks} picks
 * @param {number} floor
 * @param {number} most
 * @returns {{links: LinesLink[], cut: boolean}} the weakest first
 */
function linesStrongest(matrices, picks, floor, most) {
  /** @type {number[]} */
  const weights = [];
  const counts = (/** @type {number} */ weight) => weight > 0 && weight >= floor;
  for (const matrix of matrices) {
    linesCells(matrix, picks, (weight) => {
      if (counts(weight)) weights.push(weight);
    });
  }
  const sorted = Float64Array.from(weights).sort();
  const first = Math.max(0, sorted.length - most);
  const least = sorted[first];
  // Of weights as large as the least one, only some have room.
  let room = first > 0 ? sorted.subarray(first).findLastIndex((weight) => weight === least) + 1 : Infinity;
  /** @type {LinesLink[]} */
  const links = [];
  matrices.forEach((matrix, head) => {
    linesCells(matrix, picks, (weight, row, column) => {
      if (!counts(weight) || weight < least) return;
      if (weight === least) room -= 1;
      if (weight > least || room >= 0) links.push({ head, row, column, weight });
    });
  });
  return { links: links.sort((one, other) => one.weight - other.weight), cut: first > 0 };
}

/**
 * Give the largest weight of some heads.
 * @param {Pick<Matrix, "values">[]} matrices
 * @returns {number}
 */
export function linesTop(matrices) {
  let top = 0;
  for (const { values } of matrices) for (const value of values) if (value > top) top = value;
  return top;
}

/**
 * @param {Pick<Matrix, "rows">[]} matrices
 * @returns {number}
 */
function linesMost(matrices) {
  const rows = matrices[0]?.rows.length ?? 0;
  const each = Math.min(LINES_MANY, Math.max(LINES_FEW, rows * LINES_EACH));
  return Math.min(LINES_MOST, each * matrices.length);
}

/**
 * Visit the cells of the row and the column looked at alone, each once; all of them where there is neither.
 * @param {Pick<Matrix, "rows"|"columns"|"values">} matrix
 * @param {LinesPicks} picks
 * @param {(weight: number, row: number, column: number) => void} visit
 */
function linesCells({ rows, columns, values }, picks, visit) {
  const every = picks.row < 0 && picks.column < 0;
  for (let row = 0; row < rows.length; row += 1) {
    const start = row * columns.length;
    if (every || row === picks.row) {
      for (let column = 0; column < columns.length; column += 1) visit(values[start + column], row, column);
    } else if (picks.column >= 0) visit(values[start + picks.column], row, picks.column);
  }
}

/**
 * Add up all that could be drawn, and what hidden tokens have of it. The sum of many small rounded weights is not
 * the mass of a row, so that is taken where it is known.
 * @param {LinesMatrix} matrix
 * @param {LinesPicks} picks
 * @returns {{whole: number, hidden: number}}
 */
function linesMass({ rows, columns, values, hidden, lost, masses }, picks) {
  const found = { whole: 0, hidden: 0 };
  const every = picks.row < 0 && picks.column < 0;
  for (let row = 0; row < rows.length; row += 1) {
    const start = row * columns.length;
    if (every || row === picks.row) {
      const shown = () =>
        values.subarray(start, start + columns.length).reduce((sum, value) => sum + value, 0);
      found.whole += (masses ? masses[row] : shown() + hidden[row]) + lost[row];
      found.hidden += hidden[row];
    } else if (picks.column >= 0) found.whole += values[start + picks.column];
  }
  return found;
}

/**
 * Give the weights of one side's tokens with the token looked at on the other: of each the strongest head's.
 * @param {Pick<Matrix, "rows"|"columns"|"values">[]} matrices
 * @param {LinesPicks} picks
 * @param {"query"|"key"} side
 * @returns {{weight: number, head: number}[]|null} null where no token of the other side is looked at
 */
export function linesWeights(matrices, picks, side) {
  const fixed = side === "key" ? picks.row : picks.column;
  if (fixed < 0) return null;
  const { rows, columns } = matrices[0];
  return (side === "key" ? columns : rows).map((_, place) => {
    const cell = side === "key" ? fixed * columns.length + place : place * columns.length + fixed;
    const weights = matrices.map(({ values }) => values[cell]);
    const weight = Math.max(...weights);
    return { weight, head: weights.indexOf(weight) };
  });
}

/**
 * Read which heads of the picked one's layer are drawn.
 * @param {import("../core/data.js").AttentionMap} map
 * @param {{head: string, also: string}} state
 * @returns {string[]} in their layer's order, the picked one among them
 */
export function linesHeads(map, { head, also }) {
  const found = map.find(head);
  if (!found) return [];
  const { heads } = map.facts;
  const further = new Set(
    also
      .split(",")
      .filter((number) => /^\d+$/.test(number))
      .map(Number),
  );
  const names = map.names.slice(found.layer * heads.length, (found.layer + 1) * heads.length);
  const chosen = names.filter((name, place) => name === head || further.has(heads[place]));
  return linesTrimmed(chosen, head);
}

/**
 * Give the masses of rows as they are known: those of pooled rows are not, since these hold maxima.
 * @param {import("../core/data.js").AttentionMap} map
 * @param {string} name
 * @param {Matrix["rows"]} rows
 * @returns {number[]|null}
 */
export function linesMasses(map, name, rows) {
  if (map.queries.pooled || map.keys.pooled) return null;
  const masses = map.rowMasses(name);
  if (!masses) return rows.map(() => 1);
  return rows.map(({ positions }) => {
    const mass = positions.reduce((sum, query) => sum + masses[query], 0);
    return mass / positions.length;
  });
}

/** More heads than this at once have no colours of their own. */
export const LINES_HEADS = 6;

/**
 * @param {string[]} names
 * @param {string} kept
 * @returns {string[]}
 */
function linesTrimmed(names, kept) {
  const others = names.filter((name) => name !== kept).slice(0, LINES_HEADS - 1);
  return names.filter((name) => name === kept || others.includes(name));
}

/**
 * Turn a head on or off; one always stays.
 * @param {import("../core/data.js").AttentionMap} map
 * @param {{head: string, also: string}} state
 * @param {string} name
 * @returns {{head: string, also: string}|null} null where nothing can change
 */
export function linesTurned(map, state, name) {
  const on = linesHeads(map, state);
  const after = on.includes(name) ? on.filter((other) => other !== name) : [...on, name];
  if (after.length === 0 || after.length > LINES_HEADS) return null;
  const head = after.includes(state.head) ? state.head : after[0];
  const number = (/** @type {string} */ each) => map.facts.heads[map.find(each)?.head ?? 0];
  const also = after.filter((each) => each !== head).map(number);
  return { head, also: also.sort((one, other) => one - other).join(",") };
}
