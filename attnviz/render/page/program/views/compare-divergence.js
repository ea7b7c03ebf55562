// How differently two heads read, row by row, in bits: the same measure as the package's.

/**
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 *
 * @typedef {object} Divergence
 * @property {Float64Array} bits for each row, 0 to 1
 * @property {number[]} counted the rows that count: those of what was written
 * @property {number} mean over the rows that count
 * @property {number} spread their standard deviation
 */

const COMPARE_LEVELS = 255;

/**
 * Measure how differently two rows read: the Jensen-Shannon divergence to base 2 (Lin 1991, equation 4.1). What
 * a row keeps back of its mass counts as one more key.
 * @param {Float64Array|number[]} first
 * @param {Float64Array|number[]} second
 * @returns {number} bits, 0 for equal rows to 1 for rows that share no key
 */
export function rowDivergence(first, second) {
  let [bits, one, other] = [0, 0, 0];
  for (let key = 0; key < first.length; key += 1) {
    bits += divergenceTerm(first[key], second[key]);
    one += first[key];
    other += second[key];
  }
  const kept = divergenceTerm(Math.min(1, Math.max(0, 1 - one)), Math.min(1, Math.max(0, 1 - other)));
  return Math.min(1, Math.max(0, bits + kept));
}

/**
 * @param {number} first
 * @param {number} second
 * @returns {number} what a key adds
 */
function divergenceTerm(first, second) {
  return (plogp(first) + plogp(second)) / 2 - plogp((first + second) / 2);
}

/**
 * @param {number} share
 * @returns {number}
 */
function plogp(share) {
  return share > 0 ? share * Math.log2(share) : 0;
}

/**
 * Measure how differently two heads read.
 * @param {ShownMatrix} first
 * @param {ShownMatrix} second of the same rows and columns
 * @param {number} [step] measure every so-manieth row only, to be quick
 * @returns {Divergence}
 */
export function divergenceOf(first, second, step = 1) {
  const bits = new Float64Array(first.rows.length);
  const counted = countedRows(first.rows).filter((_, place) => place % step === 0);
  const rows = step === 1 ? bits.keys() : counted;
  for (const row of rows) {
    bits[row] = rowDivergence(massOf(first, row), massOf(second, row));
  }
  const mean = counted.reduce((sum, row) => sum + bits[row], 0) / counted.length;
  const square = counted.reduce((sum, row) => sum + (bits[row] - mean) ** 2, 0) / counted.length;
  return { bits, counted, mean, spread: Math.sqrt(square) };
}

/**
 * Say by how much the cells of two pooled heads differ: of cells no divergence can be told.
 * @param {ShownMatrix} first
 * @param {ShownMatrix} second of the same rows and columns
 * @returns {Divergence} `bits` are for each row the largest difference of its cells, 0 to 1; the mean is over all cells
 */
export function cellDistance(first, second) {
  const most = new Float64Array(first.rows.length);
  const columns = first.columns.length;
  let [sum, count] = [0, 0];
  first.values.forEach((value, cell) => {
    if (first.unseen[cell] && second.unseen[cell]) return;
    const apart = Math.abs(second.values[cell] - value);
    const row = Math.floor(cell / columns);
    if (apart > most[row]) most[row] = apart;
    sum += apart;
    count += 1;
  });
  return { bits: most, counted: [...most.keys()], mean: count ? sum / count : NaN, spread: 0 };
}

/**
 * Say which rows count: those the user or the model wrote; all of a text of special tokens only.
 * @param {Label[]} rows
 * @returns {number[]}
 */
export function countedRows(rows) {
  const written = [...rows.keys()].filter((row) => rows[row].kind !== "special");
  return written.length ? written : [...rows.keys()];
}

/**
 * Give a row's weights as they were before many small ones were rounded to nothing: what they lack to the row's
 * known mass lies in cells that read 0, in none more than half a level.
 * @param {ShownMatrix} matrix
 * @param {number} row
 * @returns {Float64Array}
 */
export function massOf({ values, unseen, hidden, lacks, columns }, row) {
  const start = row * columns.length;
  const weights = Float64Array.from(values.subarray(start, start + columns.length));
  const missing = 1 - hidden[row] - lacks[row] - weights.reduce((sum, weight) => sum + weight, 0);
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const zeros = weights.reduce((sum, weight, at) => sum + (weight === 0 && !unseen[start + at] ? 1 : 0), 0);
  if (missing <= 0 || zeros === 0) return weights;
  const share = Math.min(missing / zeros, largest / COMPARE_LEVELS / 2);
  return weights.map((weight, at) => (weight === 0 && !unseen[start + at] ? share : weight));
}
