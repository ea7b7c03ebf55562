// What the grid says of heads beside their weights: patterns, numbers, a sentence for each.

import { percentText, weightText } from "../core/words.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Facts} Facts
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {{name: string, title: string}} GridChoice
 * @typedef {object} GridNumbers
 * @property {Map<string, number>} values of each head that has one
 * @property {number} top what the last colour stands for
 * @property {boolean} signed whether less than nothing is possible
 * @property {string} title
 */

const GRID_NO_PATTERN = "no clear pattern";

// Smaller numbers than this lose too much at two decimals.
const GRID_SMALL_NUMBER = 0.095;

/**
 * Count the heads of each pattern, the most frequent first, those without any last.
 * @param {HeadFacts[]} focus
 * @returns {{label: string, count: number}[]}
 */
export function gridPatterns(focus) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { pattern } of focus) counts.set(pattern.label, (counts.get(pattern.label) ?? 0) + 1);
  const rank = (/** @type {string} */ label) => (label === GRID_NO_PATTERN ? 1 : 0);
  return [...counts]
    .map(([label, count]) => ({ label, count }))
    .sort((one, two) => rank(one.label) - rank(two.label) || two.count - one.count);
}

/**
 * Whether a head is one of those asked for: by its whole pattern, or by a part of what is known of it.
 * @param {HeadFacts|undefined} head
 * @param {string} filter
 * @param {Set<string>} labels the patterns there are
 * @returns {boolean}
 */
export function gridMatches(head, filter, labels) {
  const wanted = filter.trim().toLowerCase();
  if (wanted === "" || !head) return true;
  if (labels.has(wanted)) return head.pattern.label === wanted;
  const tokens = [
    ...head.focus.map(({ token }) => token),
    ...head.links.flatMap((link) => [link.from, link.to]),
  ];
  const known = [head.head, head.pattern.label, head.taught ?? "", head.relation?.relation ?? "", ...tokens];
  return known.some((text) => String(text).toLowerCase().includes(wanted));
}

/**
 * Say what a head does, in a few parts: pattern, strongest link, what it was taught, with whom it shares keys.
 * @param {AttentionMap} map
 * @param {string} name
 * @param {HeadFacts|undefined} head
 * @returns {string[]}
 */
export function gridSentence(map, name, head) {
  const shared = gridSharing(map, name);
  const sharing = shared.length ? [`shares its keys with ${shared.join(", ")}`] : [];
  if (!head) return sharing;
  const { label, score } = head.pattern;
  const [link] = head.links;
  return [
    label === GRID_NO_PATTERN ? label : `${label}, ${percentText(score)} of its mass`,
    ...(link ? [`strongest link: ${link.from} → ${link.to} ${weightText(link.weight)}`] : []),
    ...(head.taught ? [`taught: ${head.taught}`] : []),
    ...(head.relation ? [`follows: ${head.relation.relation}`] : []),
    ...sharing,
  ];
}

/**
 * Name the other heads of a layer that read the same keys, of those held.
 * @param {AttentionMap} map
 * @param {string} name
 * @returns {string[]}
 */
export function gridSharing(map, name) {
  const { heads, sharing = 1 } = map.facts;
  const found = map.find(name);
  if (sharing < 2 || !found || heads[found.head] < 0) return [];
  const group = (/** @type {number} */ head) => Math.floor(head / sharing);
  const own = heads[found.head];
  return heads.filter((head) => head !== own && group(head) === group(own)).map((head) => `H${head}`);
}

/**
 * Name the neighbours that share their keys: runs of columns.
 * @param {AttentionMap} map
 * @returns {{first: number, count: number}[]}
 */
export function gridGroups(map) {
  const { heads, sharing = 1 } = map.facts;
  if (sharing < 2 || heads[0] < 0) return [];
  /** @type {{group: number, first: number, count: number}[]} */
  const runs = [];
  heads.forEach((head, column) => {
    const group = Math.floor(head / sharing);
    const last = runs[runs.length - 1];
    if (last?.group === group) last.count += 1;
    else runs.push({ group, first: column, count: 1 });
  });
  return runs.filter(({ count }) => count > 1);
}

/**
 * Say what tiles can show: weights, and what numbers there are.
 * @param {HeadFacts[]} focus
 * @returns {GridChoice[]}
 */
export function gridChoices(focus) {
  const measured = focus.length
    ? [
        { name: "entropy", title: "entropy" },
        { name: "pattern", title: "pattern score" },
      ]
    : [];
  const effect = focus.some((head) => head.effect) ? [{ name: "effect", title: "effect of removal" }] : [];
  return [{ name: "weights", title: "weights" }, ...measured, ...effect];
}

/**
 * Give the numbers the tiles show, or null where they show weights.
 * @param {Facts} facts
 * @param {HeadFacts[]} focus
 * @param {string} choice
 * @returns {GridNumbers|null}
 */
export function gridNumbers(facts, focus, choice) {
  const given = gridChoices(focus).some(({ name }) => name === choice);
  if (!given || choice === "weights") return null;
  /** @type {Map<string, number>} */
  const values = new Map();
  for (const head of focus) {
    const value = gridNumber(head, choice);
    if (value !== undefined) values.set(head.head, value);
  }
  const sizes = [...values.values()].map(Math.abs);
  const top = choice === "pattern" ? 1 : Math.max(...sizes) || 1;
  return { values, top, signed: choice === "effect", title: gridNumberTitle(facts, choice) };
}

/**
 * @param {HeadFacts} head
 * @param {string} choice
 * @returns {number|undefined}
 */
function gridNumber(head, choice) {
  if (choice === "entropy") return head.entropy;
  return choice === "pattern" ? head.pattern.score : head.effect?.mean;
}

/**
 * @param {Facts} facts
 * @param {string} choice
 * @returns {string}
 */
function gridNumberTitle(facts, choice) {
  if (choice === "entropy") return "entropy of a row, in bits";
  if (choice === "pattern") return "share of the mass on the nearest pattern";
  return `what is lost without the head${facts.effects ? `, in ${facts.effects.unit}` : ""}`;
}

/**
 * Write such a number in little room.
 * @param {number} value
 * @param {boolean} signed
 * @returns {string}
 */
export function gridNumberText(value, signed) {
  const size = Math.abs(value);
  const digits = size >= 9.95 ? 0 : size >= 0.995 ? 1 : size >= GRID_SMALL_NUMBER || !signed ? 2 : 3;
  const text = size.toFixed(digits).replace(/^0(?=\.)/, "");
  if (/^[.0]*$/.test(text)) return "0";
  const sign = value < 0 ? "−" : signed ? "+" : "";
  return sign + text;
}
