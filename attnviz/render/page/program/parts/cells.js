// A cell that stands for several weights, in words: whose, the largest and the mean of them, and the link it is.

import { wholeSide } from "../core/whole.js";
import { countText, exactText, linkText } from "../core/words.js";
import { labelText } from "./axis.js";
import { OUTSIDE } from "./sheet.js";
import { isolated } from "./telling.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/links.js").Link} Link
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").SequenceFacts} SequenceFacts
 * @typedef {import("./places.js").Cell} Cell
 * @typedef {import("./shown.js").ShownMatrix} ShownMatrix
 */

/** Why what needs single weights is off. */
export const POOLED_OFF = "each cell stands for several weights of a text too long for all of them";

/**
 * Say how far a map's text was pooled.
 * @param {AttentionMap} map
 * @returns {string} such as "16,384 x 16,384 pooled to 512 x 512, maximum per cell"
 */
export function pooledText({ facts: { pooling }, queries, keys }) {
  if (!pooling) return "";
  const before = `${countText(pooling.queries)} x ${countText(pooling.keys)}`;
  const after = `${countText(queries.tokens.length)} x ${countText(keys.tokens.length)}`;
  return `${before} pooled to ${after}, ${pooling.statistic} per cell`;
}

/**
 * @param {{most: number}} links
 * @returns {string} such as "the 4 largest weights"
 */
export function mostText({ most }) {
  return most === 1 ? "the largest weight" : `the ${most} largest weights`;
}

/**
 * Name a row or column by its positions and the text at its ends.
 * @param {Label} label
 * @param {"query"|"key"} side
 * @returns {string} such as "queries 1,024 to 1,055 the…quick"
 */
export function runName(label, side) {
  const [first, last] = label.run ?? [label.position, label.position];
  const named = isolated(labelText(label));
  if (first === last) return `${side} ${countText(first)} ${named}`;
  const sides = side === "query" ? "queries" : "keys";
  return `${sides} ${countText(first)} to ${countText(last)} ${named}`;
}

/**
 * Name one token of a long side.
 * @param {SequenceFacts} sequence
 * @param {number} position
 * @returns {string} such as "fox 1,031"
 */
export function tokenName(sequence, position) {
  const whole = wholeSide(sequence);
  const text = whole ? isolated(labelText(whole.label(position))) : "";
  return `${text} ${countText(position)}`.trim();
}

/**
 * Name a link.
 * @param {AttentionMap} map
 * @param {Link} link
 * @returns {string} such as "fox 1,031 reads dog 3"
 */
export function linkName({ queries, keys }, { query, key }) {
  return `${tokenName(queries, query)} reads ${tokenName(keys, key)}`;
}

/**
 * Say which tokens of the model a row or column stands for.
 * @param {Label} label
 * @returns {[number, number]}
 */
export function runOf({ run, position }) {
  return run ?? [position, position];
}

/**
 * Give a cell's number on a map that is open.
 * @param {AttentionMap} map
 * @param {string} head
 * @param {Cell} cell
 * @returns {number|null} null where it is not open
 */
export function cellOf(map, head, { row, column }) {
  if (!map.isOpen(head)) return null;
  const { levels, maxima } = map.rows(head);
  return (levels[row * map.keys.tokens.length + column] * maxima[row]) / 255;
}

/**
 * Find the link that is the largest weight of a cell, where the top keys have it: another query of the row may have
 * a larger weight there that is none of its own largest.
 * @param {AttentionMap} map
 * @param {string} head
 * @param {ShownMatrix} matrix
 * @param {Cell} cell
 * @returns {Link|null}
 */
export function strongestLink(map, head, { rows, columns }, cell) {
  const links = map.links(head);
  const maxima = map.facts.pooling?.statistic === "maximum" ? map : map.twin;
  if (!links || !maxima?.isOpen(head)) return null;
  const [found] = links.within(runOf(rows[cell.row]), runOf(columns[cell.column]), 1);
  const largest = cellOf(maxima, head, cell) ?? 0;
  const rounded = maxima.rows(head).maxima[cell.row] * maxima.facts.error;
  const isIt = found && found.weight * (1 + (map.top?.facts.error ?? 0)) >= largest - rounded;
  return isIt ? found : null;
}

/**
 * Say what a cell holds.
 * @param {AttentionMap} map
 * @param {string} head
 * @param {ShownMatrix} matrix
 * @param {Cell} cell
 * @returns {string}
 */
export function pooledSentence(map, head, matrix, cell) {
  const { rows, columns, unseen } = matrix;
  const [query, key] = [runName(rows[cell.row], "query"), runName(columns[cell.column], "key")];
  const reason = unseen[cell.row * columns.length + cell.column];
  if (reason)
    return `${query} cannot see ${key}: ${reason === OUTSIDE ? "outside their window" : "later keys"}`;
  const link = strongestLink(map, head, matrix, cell);
  const told = link ? `; ${linkName(map, link)}: ${linkText(link.weight)}` : "";
  return `${query}, ${key}: ${statistics(map, head, cell)}${told}`;
}

/**
 * @param {AttentionMap} map
 * @param {string} head
 * @param {Cell} cell
 * @returns {string} such as "largest .42, mean .011"
 */
function statistics(map, head, cell) {
  const both = [map, ...(map.twin ? [map.twin] : [])].map((each) => {
    const isMean = each.facts.pooling?.statistic === "mean";
    return { isMean, value: cellOf(each, head, cell) };
  });
  return both
    .sort((one, other) => Number(one.isMean) - Number(other.isMean))
    .flatMap(({ isMean, value }) =>
      value === null ? [] : [`${isMean ? "mean" : "largest"} ${exactText(value)}`],
    )
    .join(", ");
}
