// What the table says of a head and of all of them, in the words and roundings `attnviz focus` has in a terminal.

import { weightText } from "../core/words.js";

/**
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("../core/types.js").Facts} Facts
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").PatternFacts["evidence"][number]} LinkFacts
 */

export const TABLE_NO_PATTERN = "no clear pattern";
export const TABLE_BROAD = "broad";

// A pattern that lies this little above chance is not even near.
const TABLE_NEAR = 0.1;

// A relation that a fixed distance finds nearly as often says nothing of a head, nor does one that is so by chance.
const TABLE_GAIN = 0.1;
const TABLE_ERRORS = 2;

/**
 * Write a number with so many decimals, halves to the even digit as the package does.
 * @param {number} value
 * @param {number} digits
 * @returns {string}
 */
export function tableFixed(value, digits) {
  const halves = Math.abs(value) * 2 ** (digits + 1);
  const power = 10 ** digits;
  // Only such numbers are exactly half way between two that can be written; `toFixed` takes the larger one.
  if (halves % 2 !== 1) return value.toFixed(digits);
  const below = Math.floor(Math.abs(value) * power);
  return (Math.sign(value) * ((below + (below % 2)) / power)).toFixed(digits);
}

/**
 * Write a share of 1 with two decimals and no zero before them.
 * @param {number} share
 * @returns {string}
 */
export function tableShare(share) {
  return tableFixed(share, 2)
    .replace(/^-(?=0\.00$)/, "")
    .replace("0.", ".")
    .replace("-", "−");
}

/**
 * Write a difference of shares with its sign.
 * @param {number} difference
 * @returns {string}
 */
export function tableGain(difference) {
  const text = tableShare(difference);
  return text.startsWith("−") ? text : `+${text}`;
}

/**
 * Write a share of the mass; a dot for what rounds to nothing.
 * @param {number} mass
 * @returns {string}
 */
export function tableMass(mass) {
  return mass < 0.005 ? "·" : tableShare(mass).replace(/^1\.00$/, "1.0");
}

/**
 * Name a token within a sentence; one without letters or digits would be taken for punctuation.
 * @param {string} token as it is shown
 * @param {import("../core/types.js").TokenFacts} [known]
 * @returns {string}
 */
export function tableWord(token, known) {
  if (known?.kind === "patch" && known.place) return `row ${known.place[0]} column ${known.place[1]}`;
  return /[\p{L}\p{N}]/u.test(token) ? token : `“${token}”`;
}

/**
 * Say which pattern's numbers stand in a row: the head's own, or one that came near; null if none did.
 * @param {HeadFacts} head
 * @returns {string|null}
 */
export function tableNearest({ pattern }) {
  if (pattern.label !== TABLE_NO_PATTERN) return pattern.label;
  return pattern.over_chance < TABLE_NEAR ? null : pattern.nearest;
}

/**
 * Give the margin over chance, where there is one to tell: nothing is above the chance of "broad".
 * @param {HeadFacts} head
 * @returns {number|null}
 */
export function tableMargin(head) {
  return tableNearest(head) === null || head.pattern.label === TABLE_BROAD ? null : head.pattern.over_chance;
}

/**
 * @param {HeadFacts} head
 * @returns {string}
 */
export function tableMarginText(head) {
  const over = tableMargin(head);
  if (over === null) return "";
  const { label, error } = head.pattern;
  const known = error !== null && label !== TABLE_NO_PATTERN;
  return tableGain(over) + (known ? ` ±${tableShare(error)}` : "");
}

/**
 * Write a mean and its spread with three digits that say something.
 * @param {{mean: number, spread: number|null}|undefined} effect
 * @returns {string}
 */
export function tableEffect(effect) {
  if (!effect) return "";
  const size = Math.abs(effect.mean);
  const places = size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const spread = effect.spread === null ? "" : ` ±${tableFixed(effect.spread, places)}`;
  return tableFixed(effect.mean, places) + spread;
}

/**
 * @typedef {object} RelationFacts
 * @property {string} relation
 * @property {string} direction whose links are meant
 * @property {number} accuracy the share of words whose strongest link is the right one
 * @property {number} best_offset the share that would be right at one fixed distance
 * @property {number} words how many words have the relation
 */

/**
 * Give the grammatical relation a head follows, if it clearly does so more often than a fixed distance would.
 * @param {HeadFacts} head
 * @returns {RelationFacts|null}
 */
export function tableRelation(head) {
  const found = /** @type {RelationFacts|undefined} */ (head.relation);
  if (!found || found.accuracy - found.best_offset < TABLE_GAIN) return null;
  // Two standard errors of the difference of two shares, each with one more right and one more wrong.
  const of = (/** @type {number} */ share) => (share * found.words + 1) / (found.words + 2);
  const [right, fixed] = [of(found.accuracy), of(found.best_offset)];
  const error = Math.sqrt((right * (1 - right) + fixed * (1 - fixed)) / (found.words + 2));
  return right - fixed > TABLE_ERRORS * error ? found : null;
}

/**
 * @param {RelationFacts|null} found
 * @returns {string}
 */
export function tableRelationText(found) {
  if (!found) return "";
  const { relation, direction, accuracy, best_offset: fixed } = found;
  /** @type {Object<string, string>} */
  const directed = {
    "dependent -> head": `${relation} → its governor`,
    "head -> dependent": `governor → its ${relation}`,
  };
  const named = directed[direction] ?? relation;
  return `${named} ${tableShare(accuracy)} (${tableGain(accuracy - fixed)})`;
}

/**
 * @param {AttentionMap} map
 * @param {LinkFacts} link
 * @returns {{from: string|null, to: string}} how both ends are called; `from` is null for every query
 */
export function tableEnds(map, link) {
  const { from, from_position: position } = link;
  return {
    from: from === null ? null : tableWord(from, map.queries.tokens[position ?? -1]),
    to: tableWord(link.to, map.keys.tokens[link.to_position]),
  };
}

/**
 * Say which word looks at which, with the weight.
 * @param {AttentionMap} map
 * @param {LinkFacts} link
 * @returns {string}
 */
export function tableLink(map, link) {
  const { from, to } = tableEnds(map, link);
  return `${from === null ? "at" : `${from} →`} ${to} ${weightText(link.weight)}`;
}

/**
 * Say what a map's heads read: words, patches of a picture, frames of a sound.
 * @param {AttentionMap} map
 * @returns {string}
 */
export function tableThings(map) {
  const kinds = new Set(map.keys.tokens.map(({ kind }) => kind).filter((kind) => kind !== "special"));
  if (kinds.size !== 1) return "words";
  return kinds.has("patch") ? "patches" : kinds.has("frame") ? "frames" : "words";
}

/**
 * Say how many words the heads' links reach between them.
 * @param {AttentionMap} map
 * @returns {string}
 */
export function tableCoverage(map) {
  const covered = map.facts.covered?.length ?? 0;
  const all = map.keys.tokens.filter(({ kind }) => kind !== "special").length;
  const things = tableThings(map);
  const named = map.facts.block === "cross" && things === "words" ? "source words" : things;
  // Where runs of tokens stand for one, there are more words than columns.
  if (map.keys.pooled) return `${covered} ${named}`;
  return covered === all ? `all ${all} ${named}` : `${covered} of ${all} ${named}`;
}
