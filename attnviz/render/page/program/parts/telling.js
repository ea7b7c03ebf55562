// A cell of a map, and its row and column, in words.

import { countText, exactText, runText } from "../core/words.js";
import { isRun, labelText } from "./axis.js";
import { OUTSIDE } from "./sheet.js";

/**
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("./shown.js").ShownMatrix} ShownMatrix
 * @typedef {{row: number, column: number}} Cell
 */

const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/**
 * Name a row or column; one of several that read alike with its position.
 * @param {Label[]} labels
 * @param {number} place
 * @returns {string}
 */
export function nameOf(labels, place) {
  const { text, position, run } = labels[place];
  if (run && isRun(labels[place])) return `${runText(run)} ${isolated(labelText(labels[place]))}`;
  const alike = labels.some((other, at) => at !== place && other.text === text);
  const name = isolated(labelText(labels[place]));
  return alike ? `${name} (${run ? countText(run[0]) : position})` : name;
}

/**
 * Keep a name that reads right to left from turning the sentence around it.
 * @param {string} name
 * @returns {string}
 */
export function isolated(name) {
  return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name;
}

/**
 * @param {number} number from 1
 * @returns {string} such as "2nd"
 */
export function ordinal(number) {
  const isTeen = number % 100 >= 11 && number % 100 <= 13;
  const ending = isTeen ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number}${ending}`;
}

/**
 * Say how many keys of its row a cell leads, among those the query can see.
 * @param {ShownMatrix} matrix
 * @param {Cell} cell
 * @returns {{rank: number, of: number}} equal ones have the same rank
 */
export function rankOf({ values, unseen, columns }, { row, column }) {
  const start = row * columns.length;
  const value = values[start + column];
  let [rank, of] = [1, 0];
  for (let at = start; at < start + columns.length; at += 1) {
    if (unseen[at]) continue;
    of += 1;
    if (values[at] > value) rank += 1;
  }
  return { rank, of };
}

/**
 * Say what a cell holds.
 * @param {ShownMatrix} matrix
 * @param {Cell} cell
 * @param {number} threshold
 * @returns {string}
 */
export function cellSentence(matrix, cell, threshold) {
  const { rows, columns, values, unseen } = matrix;
  const [query, key] = [nameOf(rows, cell.row), nameOf(columns, cell.column)];
  const at = cell.row * columns.length + cell.column;
  if (unseen[at]) {
    return `${query} cannot see ${key}: ${unseen[at] === OUTSIDE ? "outside its window" : "a later key"}`;
  }
  const { rank, of } = rankOf(matrix, cell);
  const blank = values[at] < threshold ? ", below the threshold" : "";
  const place = values[at] > 0 && of > 1 ? `, ${ordinal(rank)} of its ${of} keys` : "";
  return `${query} reads ${key}: ${exactText(values[at])}${place}${blank}`;
}

/**
 * The cells of a row or column with the largest numbers.
 * @param {ShownMatrix} matrix
 * @param {Cell} cell
 * @param {"row"|"column"} along
 * @param {number} most
 * @returns {{at: number, value: number}[]} largest first, none that is 0
 */
export function topOf({ values, rows, columns }, cell, along, most) {
  const count = along === "row" ? columns.length : rows.length;
  const found = Array.from({ length: count }, (_, at) => {
    const place = along === "row" ? cell.row * columns.length + at : at * columns.length + cell.column;
    return { at, value: values[place] };
  });
  return found
    .filter(({ value }) => value > 0)
    .sort((one, other) => other.value - one.value || one.at - other.at)
    .slice(0, most);
}
