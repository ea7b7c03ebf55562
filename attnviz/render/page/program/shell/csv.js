// A head's numbers as a table, in the columns of the package's own .csv files.

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 */

const COLUMNS = ["layer", "head", "query", "query_token", "key", "key_token", "weight"];

// What a table shown in a terminal would act on, and what UTF-8 cannot hold.
const UNSHOWABLE = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/gu;

// Levels of a row's maximum have under three digits; a few more lose nothing of that.
const DIGITS = 6;

/**
 * Write the weights of a head that is open: every query and key of the record, whatever is shown of them.
 * @param {AttentionMap} map
 * @param {string} name
 * @returns {string}
 */
export function csvOf(map, name) {
  if (map.facts.pooling) return csvOfCells(map, name, map.facts.pooling.statistic);
  const { layers, heads } = map.facts;
  const found = map.find(name) ?? { layer: 0, head: 0 };
  const start = `${layers[found.layer]},${heads[found.head]}`;
  const queries = map.queries.tokens.map(csvCell);
  const keys = map.keys.tokens.map(csvCell);
  const lines = [COLUMNS.join(",")];
  map.weights(name).forEach((weight, cell) => {
    const [query, key] = [Math.floor(cell / keys.length), cell % keys.length];
    lines.push(`${start},${query},${queries[query]},${key},${keys[key]},${numeral(weight)}`);
  });
  return `${lines.join("\r\n")}\r\n`;
}

/**
 * Write the cells of a pooled head: whose each is, and its largest weight or its mean.
 * @param {AttentionMap} map
 * @param {string} name
 * @param {string} statistic
 * @returns {string}
 */
function csvOfCells(map, name, statistic) {
  const { layers, heads } = map.facts;
  const found = map.find(name) ?? { layer: 0, head: 0 };
  const start = `${layers[found.layer]},${heads[found.head]}`;
  const [queries, keys] = [map.queries, map.keys].map(({ tokens }) =>
    tokens.map((token, row) => `${(token.run ?? [row, row]).join(",")},${csvCell(token)}`),
  );
  const sides = ["query", "key"].map((side) => `${side}_first,${side}_last,${side}_tokens`);
  const lines = [`layer,head,${sides.join(",")},${statistic}`];
  map.weights(name).forEach((weight, cell) => {
    const [query, key] = [Math.floor(cell / keys.length), cell % keys.length];
    lines.push(`${start},${queries[query]},${keys[key]},${numeral(weight)}`);
  });
  return `${lines.join("\r\n")}\r\n`;
}

/**
 * @param {{text: string}} token
 * @returns {string} quoted where it must be
 */
export function csvCell({ text }) {
  const plain = text.replace(UNSHOWABLE, escapedUnit);
  return /[",\r\n]/.test(plain) ? `"${plain.replace(/"/g, '""')}"` : plain;
}

/**
 * @param {string} unit
 * @returns {string} such as "\n" and "\x00", each a backslash and what follows
 */
function escapedUnit(unit) {
  /** @type {Object<string, string>} */
  const named = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };
  const code = unit.charCodeAt(0);
  return named[unit] ?? (code < 256 ? `\\x${hexCode(code, 2)}` : `\\u${hexCode(code, 4)}`);
}

/**
 * @param {number} code
 * @param {number} digits
 * @returns {string}
 */
function hexCode(code, digits) {
  return code.toString(16).padStart(digits, "0");
}

/**
 * @param {number} weight
 * @returns {string}
 */
function numeral(weight) {
  return String(Number(weight.toPrecision(DIGITS)));
}
