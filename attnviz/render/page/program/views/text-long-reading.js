// Which part of a long text is shown, and what is known of each of its words: the weights of top keys.

import { pickedSpan, wholeOf } from "../parts/span.js";
import { textIsOne } from "./textreading.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/links.js").HeadLinks} HeadLinks
 * @typedef {import("../core/links.js").Link} Link
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/whole.js").WholeSide} WholeSide
 * @typedef {[number, number]} Span
 */

/**
 * @typedef {object} LongSide
 * @property {WholeSide} whole
 * @property {Span} span the first and the last token on screen
 * @property {Label[]} labels of these
 */

/**
 * @typedef {object} LongReading
 * @property {"reads"|"readers"} way
 * @property {Span|null} span what is picked: a row's queries or a column's keys
 * @property {number|null} token the one of them that is
 * @property {HeadLinks} links
 * @property {Link[]} strongest of what is picked, the strongest first
 * @property {Link[]} back of the other direction, where a token is picked and queries are keys
 * @property {Map<number, number>} weights for each token of the other end its largest weight
 * @property {number} top the largest of them
 * @property {LongSide[]} sides the queries and the keys, or one for both
 */

// So many tokens stand before and behind what is picked, and no more than so many on screen.
const LONG_BEFORE = 40;
const LONG_BEHIND = 180;
const LONG_MOST = 420;

// What is nearer to an edge than this, unless the text ends there, is brought to the middle.
const LONG_EDGE = 12;

// So many links of a run are looked at, and of a key, which many queries may read.
const LONG_LINKS = 400;

/**
 * @param {AttentionMap} map one with top keys, whose head is open
 * @param {HeadLinks} links of the head
 * @param {State} state
 * @param {LongSide[]} [kept] what is on screen
 * @returns {LongReading}
 */
export function longReading(map, links, state, kept = []) {
  const [asQuery, asKey] = [pickedSpan(map, state, "query"), pickedSpan(map, state, "key")];
  const way = asQuery || !asKey ? "reads" : "readers";
  const picked = asQuery ?? asKey;
  const token = picked?.token ?? null;
  /** @type {Span|null} */
  const wanted = token === null ? (picked?.span ?? null) : [token, token];
  const found = wanted ? linksOf(links, way, wanted) : [];
  const isOne = textIsOne(map);
  const isBoth = isOne && token !== null;
  /** @type {Map<number, number>} */
  const weights = new Map();
  for (const { query, key, weight } of found) {
    const end = way === "reads" ? key : query;
    weights.set(end, Math.max(weight, weights.get(end) ?? 0));
  }
  return {
    way,
    span: picked?.span ?? null,
    token,
    links,
    strongest: found,
    back: isBoth && wanted ? linksOf(links, way === "reads" ? "readers" : "reads", wanted) : [],
    weights,
    top: found[0]?.weight ?? 0,
    sides: sidesOf(map, way, picked, found[0] ?? null, kept),
  };
}

/**
 * @param {HeadLinks} links
 * @param {"reads"|"readers"} way
 * @param {Span} wanted
 * @returns {Link[]}
 */
function linksOf(links, way, wanted) {
  /** @type {Span} */
  const every = [0, way === "reads" ? Infinity : links.queries - 1];
  return way === "reads" ? links.within(wanted, every, LONG_LINKS) : links.within(every, wanted, LONG_LINKS);
}

/**
 * Choose the part of each side: around what is picked, and on the other side around its strongest link.
 * @param {AttentionMap} map
 * @param {"reads"|"readers"} way
 * @param {{span: Span, token: number|null}|null} picked
 * @param {Link|null} strongest
 * @param {LongSide[]} kept
 * @returns {LongSide[]}
 */
function sidesOf(map, way, picked, strongest, kept) {
  const own = way === "reads" ? "query" : "key";
  const middle = wholeOf(map, own).run(Math.floor(wholeOf(map, own).starts.length / 2));
  const around = picked?.span ?? middle;
  if (textIsOne(map)) return [longSide(wholeOf(map, "query"), around, kept[0])];
  const end = strongest ? (way === "reads" ? strongest.key : strongest.query) : 0;
  /** @type {Span} */
  const other = [end, end];
  return /** @type {const} */ (["query", "key"]).map((side, place) =>
    longSide(wholeOf(map, side), side === own ? around : other, kept[place]),
  );
}

/**
 * @param {WholeSide} whole
 * @param {Span} around
 * @param {LongSide|undefined} kept it stays where it is while what is picked is well inside
 * @returns {LongSide}
 */
function longSide(whole, [first, last], kept) {
  const end = whole.tokens.length - 1;
  if (kept?.whole === whole) {
    const [from, to] = kept.span;
    const isInside = first >= (from && from + LONG_EDGE) && last <= (to === end ? to : to - LONG_EDGE);
    if (isInside) return kept;
  }
  const start = Math.max(0, first - LONG_BEFORE);
  const stop = Math.min(end, last + LONG_BEHIND, start + LONG_MOST - 1);
  const labels = Array.from({ length: stop - start + 1 }, (_, step) => whole.label(start + step));
  return { whole, span: [start, stop], labels };
}
