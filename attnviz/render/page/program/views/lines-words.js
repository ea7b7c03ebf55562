// What the lines say in words: how much is drawn, what a token reads, what the model expects next.

import { element } from "../core/dom.js";
import { exactText, percentText, weightText } from "../core/words.js";
import { nameOf, topOf } from "../parts/telling.js";

/**
 * @typedef {import("../core/types.js").Matrix} Matrix
 * @typedef {import("../core/types.js").MapFacts} MapFacts
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 * @typedef {import("./lines-chosen.js").LinesChosen} LinesChosen
 * @typedef {import("./lines-chosen.js").LinesPicks} LinesPicks
 */

// A sentence names so many tokens of one head, and fewer where several heads are drawn.
const LINES_NAMED = 4;
const LINES_NAMED_EACH = 2;

// Less than this is not worth a word.
const LINES_TOLD = 0.005;

/**
 * Say how much is drawn.
 * @param {LinesChosen} chosen
 * @param {LinesPicks} picks
 * @param {Pick<Matrix, "rows"|"columns">} matrix
 * @returns {string}
 */
export function linesTold({ links, possible, least, cut, mass, hidden }, picks, matrix) {
  if (possible === 0) return "nothing to draw";
  const counted = `${linesNumber(links.length)} of ${linesNumber(possible)}`;
  if (links.length === 0) return `drawn: 0 of ${linesNumber(possible)} weights, all are below the threshold`;
  const which = cut ? "the strongest, " : links.length < possible ? `from ${linesWeight(least)} up, ` : "";
  const lacking = hidden >= LINES_TOLD ? `; ${percentText(hidden)} is on hidden tokens` : "";
  return `drawn: ${counted} weights, ${which}${percentText(mass)} ${linesWhole(picks, matrix)}${lacking}`;
}

/**
 * Say what a share of the mass is a share of.
 * @param {LinesPicks} picks
 * @param {Pick<Matrix, "rows"|"columns">} matrix
 * @returns {string}
 */
function linesWhole({ row, column }, { rows, columns }) {
  if (row >= 0 && column >= 0) return "of the mass of both";
  if (row >= 0) return `of what ${nameOf(rows, row)} reads`;
  return column >= 0 ? `of what reads ${nameOf(columns, column)}` : "of the mass";
}

/**
 * @param {number} count
 * @returns {string}
 */
function linesNumber(count) {
  return count.toLocaleString("en-US");
}

/**
 * @param {number} weight
 * @returns {string}
 */
function linesWeight(weight) {
  return weight < 0.01 ? weight.toFixed(weight < 0.001 ? 4 : 3).replace(/^0/, "") : weightText(weight);
}

/**
 * Say what a query reads, or who reads a key.
 * @param {ShownMatrix[]} matrices
 * @param {string[]} names of their heads
 * @param {LinesPicks} picks one side of it only
 * @returns {string}
 */
export function linesSentence(matrices, names, picks) {
  const along = picks.row >= 0 ? "row" : "column";
  const most = names.length > 1 ? LINES_NAMED_EACH : LINES_NAMED;
  const { rows, columns } = matrices[0];
  const who = along === "row" ? nameOf(rows, picks.row) : nameOf(columns, picks.column);
  const others = along === "row" ? columns : rows;
  const parts = matrices.map((matrix, head) => {
    const found = topOf(matrix, picks, along, most);
    const listed = found.map(({ at, value }) => `${nameOf(others, at)} ${exactText(value)}`).join(", ");
    return `${names.length > 1 ? `${names[head]} ` : ""}${listed || "nothing"}`;
  });
  return `${who} ${along === "row" ? "reads" : "is read by"} ${parts.join("; ")}`;
}

/**
 * Say what a line is.
 * @param {ShownMatrix} matrix
 * @param {string} name
 * @param {{row: number, column: number, weight: number}} link
 * @returns {string}
 */
export function linesLinkSentence({ rows, columns }, name, { row, column, weight }) {
  return `${name}: ${nameOf(rows, row)} reads ${nameOf(columns, column)} ${exactText(weight)}`;
}

/**
 * Say what the model expects after a query.
 * @param {Pick<MapFacts, "predictions">} facts
 * @param {Pick<Matrix, "rows">} matrix
 * @param {number} row
 * @returns {{after: string, text: string, probability: string}|null} null where that is not known
 */
export function linesPrediction({ predictions }, { rows }, row) {
  const label = rows[row];
  const found = label && predictions[label.positions[label.positions.length - 1]];
  if (!found) return null;
  const text = found.shown ?? found.text;
  return { after: nameOf(rows, row), text, probability: weightText(found.probability) };
}

/**
 * Write what the model expects.
 * @param {{after: string, text: string, probability: string}} found
 * @returns {(Node|string)[]}
 */
export function linesExpected({ after, text, probability }) {
  const next = element("bdi", { class: "lines-next" }, text);
  return ["after ", element("bdi", {}, after), " the model expects ", next, ` ${probability}`];
}
