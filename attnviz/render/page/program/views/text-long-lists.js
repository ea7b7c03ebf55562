// Beside a long text: the strongest links of what is picked, each with the words around its other end.

import { element } from "../core/dom.js";
import { linkText } from "../core/words.js";
import { mostText, tokenName } from "../parts/cells.js";
import { pickToken, wholeOf } from "../parts/span.js";
import { textFilled } from "./textlists.js";
import { textIsOne } from "./textreading.js";
import { gapsOnce, textOf } from "./textruns.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/links.js").Link} Link
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/whole.js").WholeSide} WholeSide
 * @typedef {import("./text-long-reading.js").LongReading} LongReading
 * @typedef {(fields: Partial<State>) => void} Pick
 * @typedef {{way: "reads"|"readers", isRange: boolean, source: string}} Asked `source`: the text
 */

const LONG_LISTED = 12;

// So many tokens before and behind a link's end say where it is.
const LONG_EXCERPT = 4;

/**
 * @param {AttentionMap} map
 * @param {LongReading} reading
 * @param {string} source
 * @param {Pick} pick
 * @returns {HTMLElement[]}
 */
export function longLists(map, reading, source, pick) {
  const { way, span, token, strongest, back, links } = reading;
  if (!span) return [];
  const note = `${mostText(links)} of each query are known, exactly; smaller ones are not in this page.`;
  const own = way === "reads" ? map.queries : map.keys;
  const name = token === null ? "these tokens" : tokenName(own, token);
  const titles = { reads: `Whom ${name} ${token === null ? "read" : "reads"}`, readers: `Who reads ${name}` };
  const other = way === "reads" ? "readers" : "reads";
  const sections = [longSection(map, titles[way], strongest, { way, isRange: token === null, source }, pick)];
  if (textIsOne(map) && token !== null) {
    sections.push(longSection(map, titles[other], back, { way: other, isRange: false, source }, pick));
  }
  sections.push(element("p", { class: "note" }, note));
  return sections;
}

/**
 * @param {AttentionMap} map
 * @param {string} title
 * @param {Link[]} links
 * @param {Asked} asked
 * @param {Pick} pick
 * @returns {HTMLElement}
 */
function longSection(map, title, links, asked, pick) {
  const items = links.slice(0, LONG_LISTED).map((link) => {
    const button = longItem(map, link, asked, links[0].weight);
    button.addEventListener("click", () => pick(followed(map, link, asked)));
    return element("li", {}, button);
  });
  const list = items.length
    ? element("ol", { class: "text-list" }, ...items)
    : element("p", { class: "note" }, "no link that is known");
  const heading = element("h2", { class: "text-heading" }, element("bdi", {}, title));
  return element("section", { class: "text-section", "aria-label": title }, heading, list);
}

/**
 * Go to the other end of a link; of a range first to the token it is a link of.
 * @param {AttentionMap} map
 * @param {Link} link
 * @param {Asked} asked
 * @returns {Partial<State>}
 */
function followed(map, { query, key }, { way, isRange }) {
  const none = { query: null, key: null, queryToken: null, keyToken: null };
  const side = way === "reads" ? "query" : "key";
  if (isRange) return { ...none, ...pickToken(map, side, way === "reads" ? query : key) };
  if (textIsOne(map)) return { ...none, ...pickToken(map, "query", way === "reads" ? key : query) };
  return { ...none, ...pickToken(map, way === "reads" ? "key" : "query", way === "reads" ? key : query) };
}

/**
 * @param {AttentionMap} map
 * @param {Link} link
 * @param {Asked} asked
 * @param {number} longest
 * @returns {HTMLButtonElement}
 */
function longItem(map, { query, key, weight }, { way, isRange, source }, longest) {
  const end = way === "reads" ? key : query;
  const side = way === "reads" ? "key" : "query";
  const sequence = side === "key" ? map.keys : map.queries;
  const from = way === "reads" ? tokenName(map.queries, query) : tokenName(map.keys, key);
  const named = tokenName(sequence, end);
  const name = isRange ? (way === "reads" ? `${from} → ${named}` : `${named} → ${from}`) : named;
  const bar = element("span", { class: "text-bar", "aria-hidden": "true" }, textFilled(0, weight / longest));
  return element(
    "button",
    { type: "button", class: "text-item text-link" },
    element("bdi", { class: "text-name" }, name),
    bar,
    element("span", { class: "text-number" }, linkText(weight)),
    excerptOf(wholeOf(map, side), end, source),
  );
}

/**
 * Write the words around a token.
 * @param {WholeSide} whole
 * @param {number} position
 * @param {string} source
 * @returns {HTMLElement}
 */
function excerptOf(whole, position, source) {
  const { tokens } = whole;
  const first = Math.max(0, position - LONG_EXCERPT);
  const last = Math.min(tokens.length - 1, position + LONG_EXCERPT);
  const gaps = gapsOnce(tokens, source);
  const words = Array.from({ length: last - first + 1 }, (_, step) => {
    const text = textOf(whole.label(first + step), tokens);
    const gap = step === 0 ? "" : gaps[first + step].replace(/\s+/g, " ");
    return first + step === position ? [gap, element("strong", {}, text)] : [gap + text];
  });
  const ends = [first > 0 ? "… " : "", last < tokens.length - 1 ? " …" : ""];
  return element("bdi", { class: "text-excerpt" }, ends[0], ...words.flat(), ends[1]);
}
