// Which two heads are compared, and which others could be.

import { shownMatrix } from "../parts/shown.js";
import { cellDistance, divergenceOf } from "./compare-divergence.js";

/**
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {{map: AttentionMap, head: string}} ComparedHead
 */

// Looking for the head most unlike may take so many cells; of longer texts every few rows are looked at.
const MOST_CELLS = 2_000_000;

/**
 * The maps whose rows and columns are as many as those of one.
 * @param {Page} page
 * @param {AttentionMap} map
 * @returns {AttentionMap[]} itself among them
 */
export function comparableMaps(page, map) {
  return page.maps.filter(
    ({ queries, keys, facts }) =>
      // A largest weight and a mean, or a single weight, are not compared.
      facts.pooling?.statistic === map.facts.pooling?.statistic &&
      queries.tokens.length === map.queries.tokens.length &&
      keys.tokens.length === map.keys.tokens.length,
  );
}

/**
 * Whether there is anything to hold a map's heads against.
 * @param {Page} page
 * @param {State} state
 * @returns {boolean}
 */
export function hasPartner(page, state) {
  const map = page.map(state.map);
  return map.names.length > 1 || comparableMaps(page, map).length > 1;
}

/**
 * Give the head that the state compares with; null where it names none that can be.
 * @param {Page} page
 * @param {State} state
 * @returns {ComparedHead|null}
 */
export function namedOther(page, state) {
  const map = page.map(state.map);
  const other = state.otherMap === null ? map : page.map(state.otherMap);
  const { other: head } = state;
  return head !== null && other.names.includes(head) && comparableMaps(page, map).includes(other)
    ? { map: other, head }
    : null;
}

/**
 * Choose a head to compare with, where the state names none: of the same layer the one most unlike, so that a link
 * means the same wherever it is opened; else a neighbour.
 * @param {Page} page
 * @param {State} state
 * @returns {ComparedHead & {isMostUnlike: boolean}}
 */
export function chosenOther(page, state) {
  const map = page.map(state.map);
  const found = map.find(state.head);
  const layer = found?.layer ?? 0;
  const { heads } = map.facts;
  const siblings = map.names.slice(layer * heads.length, (layer + 1) * heads.length);
  const others = siblings.filter((name) => name !== state.head);
  if (others.length) return { map, head: mostUnlike(map, state, others), isMostUnlike: true };
  const place = map.names.indexOf(state.head);
  const next = map.names[place + 1] ?? map.names[place - 1];
  if (next !== undefined) return { map, head: next, isMostUnlike: false };
  const [other] = comparableMaps(page, map).filter((each) => each !== map);
  const head = other.names.includes(state.head) ? state.head : other.names[0];
  return { map: other, head, isMostUnlike: false };
}

/**
 * @param {AttentionMap} map
 * @param {State} state
 * @param {string[]} others
 * @returns {string}
 */
function mostUnlike(map, state, others) {
  const shown = { words: state.words, special: state.special, step: state.step };
  const first = shownMatrix(map, state.head, shown);
  const step = Math.max(1, Math.ceil((first.values.length * others.length) / MOST_CELLS));
  const means = others.map((head) => {
    const second = shownMatrix(map, head, shown);
    return map.facts.pooling ? cellDistance(first, second).mean : divergenceOf(first, second, step).mean;
  });
  return others[means.indexOf(Math.max(...means))] ?? others[0];
}
