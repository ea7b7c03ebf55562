// A cell of a comparison in words.

import { differenceText, exactText } from "../core/words.js";
import { isRun } from "../parts/axis.js";
import { runName } from "../parts/cells.js";
import { nameOf } from "../parts/telling.js";

/**
 * @typedef {import("../parts/places.js").Cell} Cell
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 * @typedef {import("./compare-exhibit.js").ComparedMatrices} ComparedMatrices
 */

/**
 * Say what both heads hold at a cell.
 * @param {ComparedMatrices} matrices
 * @param {Cell} cell
 * @returns {string}
 */
export function comparedSentence({ first, second, difference }, cell) {
  const at = cell.row * first.columns.length + cell.column;
  const [row, column] = [first.rows[cell.row], first.columns[cell.column]];
  const names =
    isRun(row) || isRun(column)
      ? `${runName(row, "query")}, ${runName(column, "key")}`
      : `${nameOf(first.rows, cell.row)} reads ${nameOf(first.columns, cell.column)}`;
  const [one, other] = [first, second].map((matrix) => seenText(matrix, at));
  const apart = difference.values[at];
  const told = difference.unseen[at] ? "" : `, B − A ${exactDifference(apart)}`;
  return `${names}: A ${one}, B ${other}${told}`;
}

/**
 * @param {ShownMatrix} matrix
 * @param {number} at
 * @returns {string}
 */
function seenText({ values, unseen }, at) {
  return unseen[at] ? "cannot see it" : exactText(values[at]);
}

/**
 * @param {number} difference -1 to 1
 * @returns {string} with its sign, exact
 */
function exactDifference(difference) {
  const sign = differenceText(difference)[0];
  return difference === 0 ? "0" : `${sign === "−" ? "−" : "+"}${exactText(Math.abs(difference))}`;
}
