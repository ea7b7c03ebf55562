// From one state to the next, when the reader asks for another map, head, layer or token.

import { isOfRuns, labelsOf } from "../core/matrix.js";
import { openingState } from "../core/fragment.js";
import { wholeSide } from "../core/whole.js";

/**
 * @typedef {import("../core/types.js").SequenceFacts} SequenceFacts
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {{side: "query"|"key", position: number, text: string, token?: number}} Match `token`: which of the
 *     model's, where the row at `position` stands for several
 */

const NO_TOKENS = { queryToken: null, keyToken: null };

/**
 * The head so many places further, layer after layer; the last one at the end.
 * @param {AttentionMap} map
 * @param {string} head
 * @param {number} by
 * @returns {string}
 */
export function headBeside(map, head, by) {
  const { names } = map;
  return names[clamped(names.indexOf(head) + by, names.length)];
}

/**
 * The head of the same number so many layers further.
 * @param {AttentionMap} map
 * @param {string} head
 * @param {number} by
 * @returns {string}
 */
export function headAbove(map, head, by) {
  const { layers, heads } = map.facts;
  const found = map.find(head) ?? { layer: 0, head: 0 };
  return map.names[clamped(found.layer + by, layers.length) * heads.length + found.head];
}

/**
 * @param {number} place
 * @param {number} count
 * @returns {number}
 */
function clamped(place, count) {
  return Math.min(count - 1, Math.max(0, place));
}

/**
 * What changes when another map is shown: a head it has, and only picks that mean the same there.
 * @param {Page} page
 * @param {State} state
 * @param {string} id
 * @returns {Partial<State>}
 */
export function toMap(page, state, id) {
  const [before, after] = [page.map(state.map), page.map(id)];
  const same = before.facts.queries === after.facts.queries && before.facts.keys === after.facts.keys;
  const picks = same ? {} : { query: null, key: null, ...NO_TOKENS, zoom: null, step: null };
  return { map: after.facts.id, head: headLike(before, after, state.head), also: "", ...picks };
}

/**
 * @param {AttentionMap} before
 * @param {AttentionMap} after
 * @param {string} head
 * @returns {string} the head of that name, else the first one of its layer, else the first of all
 */
function headLike(before, after, head) {
  if (after.names.includes(head)) return head;
  const layer = after.facts.layers.indexOf(before.facts.layers[before.find(head)?.layer ?? 0]);
  return after.names[Math.max(0, layer) * after.facts.heads.length];
}

/**
 * What changes when everything is to be as it was when the page was opened, seen the way it is seen now.
 * @param {Page} page
 * @param {State} state
 * @returns {State}
 */
export function toOpening(page, state) {
  return { ...openingState(page), view: state.view, theme: state.theme };
}

/**
 * Find every token that reads like what is looked for: among the queries, then among keys that are others.
 * @param {AttentionMap} map
 * @param {State} state
 * @returns {Match[]}
 */
export function matchesOf(map, state) {
  const wanted = folded(state.search.trim());
  if (!wanted) return [];
  /** @type {(side: "query"|"key") => Match[]} */
  const among = (side) => {
    const sequence = side === "query" ? map.queries : map.keys;
    return isOfRuns(sequence) ? matchesOfWhole(sequence, side, wanted) : matchesOfSide(sequence, side);
  };
  /** @type {(sequence: SequenceFacts, side: "query"|"key") => Match[]} */
  const matchesOfSide = (sequence, side) =>
    labelsOf(sequence, state)
      .filter(({ text }) => folded(text).includes(wanted))
      .map(({ text, position }) => ({ side, position, text }));
  return map.queries === map.keys ? among("query") : [...among("query"), ...among("key")];
}

/** @type {WeakMap<SequenceFacts, {wanted: string, side: string, found: Match[]}>} what was looked for last */
const wholeMatches = new WeakMap();

/**
 * Find the tokens of a long side that read like what is looked for.
 * @param {SequenceFacts} sequence
 * @param {"query"|"key"} side
 * @param {string} wanted folded
 * @returns {Match[]}
 */
function matchesOfWhole(sequence, side, wanted) {
  const known = wholeMatches.get(sequence);
  if (known?.wanted === wanted && known.side === side) return known.found;
  const whole = wholeSide(sequence);
  /** @type {Map<string, boolean>} many tokens read alike */
  const alike = new Map();
  const isFound = (/** @type {string} */ text) => {
    const is = alike.get(text) ?? folded(text).includes(wanted);
    alike.set(text, is);
    return is;
  };
  /** @type {Match[]} */
  const found = [];
  whole?.tokens.forEach(({ shown: text }, token) => {
    if (isFound(text)) found.push({ side, position: whole.rowOf(token), text, token });
  });
  wholeMatches.set(sequence, { wanted, side, found });
  return found;
}

/**
 * @param {string} text
 * @returns {string} the same whatever its case and accents
 */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/**
 * Which match is picked; -1 if none is.
 * @param {Match[]} matches
 * @param {State} state
 * @returns {number}
 */
export function matchPicked(matches, state) {
  return matches.findIndex(({ side, position, token }) =>
    token === undefined ? state[side] === position : state[`${side}Token`] === token,
  );
}
