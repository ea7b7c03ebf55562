// Which of the table's rows are shown, and in which order.

import { tableNearest } from "./table-facts.js";

/**
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("./table-columns.js").TableColumn} TableColumn
 */

/**
 * The filter as it stands in the state: "[same word] dog" asks for a pattern and for a text.
 * @typedef {object} TableFilter
 * @property {string} pattern
 * @property {string} text
 */

/**
 * @param {string} filter
 * @returns {TableFilter}
 */
export function readTableFilter(filter) {
  const found = /^\[([^\]]*)\] ?/.exec(filter);
  return { pattern: found ? found[1] : "", text: filter.slice(found ? found[0].length : 0) };
}

/**
 * @param {TableFilter} filter
 * @returns {string}
 */
export function writeTableFilter({ pattern, text }) {
  return pattern ? `[${pattern}]${text && ` ${text}`}` : text;
}

/**
 * Keep the rows that are of the pattern and hold every word of the text, in whatever column.
 * @param {HeadFacts[]} heads
 * @param {TableColumn[]} columns
 * @param {string} filter
 * @returns {HeadFacts[]}
 */
export function filterTable(heads, columns, filter) {
  const { pattern, text } = readTableFilter(filter);
  const wanted = tablePlain(text).split(/\s+/).filter(Boolean);
  return heads.filter((head) => {
    if (pattern && head.pattern.label !== pattern) return false;
    if (wanted.length === 0) return true;
    const said = tablePlain(tableSaid(head, columns));
    return wanted.every((word) => said.includes(word));
  });
}

/**
 * Everything a row says in words; numbers would be found by chance.
 * @param {HeadFacts} head
 * @param {TableColumn[]} columns
 * @returns {string}
 */
function tableSaid(head, columns) {
  const cells = columns.filter(({ numeric, largest }) => !numeric && !largest).map(({ text }) => text(head));
  const words = head.focus.map(({ token }) => token);
  const links = head.links.map(({ from, to }) => `${from} → ${to}`);
  return [...cells, ...words, ...links, head.taught ?? "", tableNearest(head) ?? ""].join("\n");
}

/**
 * @param {string} text
 * @returns {string} so that large and small letters, and ways to write an accent, are alike
 */
function tablePlain(text) {
  return text.normalize("NFKC").toLowerCase();
}

/**
 * @param {string} sort "entropy", or "-entropy" for the largest first
 * @returns {{name: string, falling: boolean}}
 */
export function readTableSort(sort) {
  return sort.startsWith("-") ? { name: sort.slice(1), falling: true } : { name: sort, falling: false };
}

/**
 * Say by what rows are sorted when a column's title is chosen: its usual way, then the other.
 * @param {string} sort
 * @param {TableColumn} column
 * @returns {string}
 */
export function nextTableSort(sort, { name, largest }) {
  const usual = largest ? `-${name}` : name;
  const other = largest ? name : `-${name}`;
  return sort === usual ? other : usual;
}

/**
 * Sort rows; what says nothing comes last either way, and equals stay in the model's order.
 * @param {HeadFacts[]} heads
 * @param {TableColumn[]} columns
 * @param {string} sort
 * @returns {HeadFacts[]}
 */
export function sortTable(heads, columns, sort) {
  const { name, falling } = readTableSort(sort);
  const value = (columns.find((column) => column.name === name) ?? columns[0]).value;
  const rows = heads.map((head) => ({ head, value: value(head) }));
  rows.sort((one, other) => tableOrder(one.value, other.value, falling));
  return rows.map(({ head }) => head);
}

/**
 * @param {number|string|null} one
 * @param {number|string|null} other
 * @param {boolean} falling
 * @returns {number}
 */
function tableOrder(one, other, falling) {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  const order = one < other ? -1 : one > other ? 1 : 0;
  return falling ? -order : order;
}

/**
 * Count the heads of each pattern, the most frequent first.
 * @param {HeadFacts[]} heads
 * @returns {[string, number][]}
 */
export function tablePatterns(heads) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { pattern } of heads) counts.set(pattern.label, (counts.get(pattern.label) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one);
}
