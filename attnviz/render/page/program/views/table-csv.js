// The table's rows as CSV: every number as exact as the file knows it.

import { csvCell } from "../shell/csv.js";

/**
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {string|number|null|undefined} TableValue
 */

/** @type {[string, (head: HeadFacts) => TableValue][]} */
const TABLE_FIELDS = [
  ["head", ({ head }) => head],
  ["layer", ({ layer }) => layer],
  ["index", ({ index }) => index],
  ["taught", ({ taught }) => taught],
  ["pattern", ({ pattern }) => pattern.label],
  ["nearest", ({ pattern }) => pattern.nearest],
  ["score", ({ pattern }) => pattern.score],
  ["over_chance", ({ pattern }) => pattern.over_chance],
  ["error", ({ pattern }) => pattern.error],
  ["entropy", ({ entropy }) => entropy],
  ["breadth", ({ breadth }) => breadth],
  ["distance", ({ distance }) => distance],
  ["self_mass", ({ self_mass: mass }) => mass],
  ["special_mass", ({ special_mass: mass }) => mass],
  ["hidden_mass", ({ hidden_mass: mass }) => mass],
];

/** @type {[string, (head: HeadFacts) => TableValue][]} those of some pages only */
const TABLE_FIELDS_BESIDE = [
  ["effect", ({ effect }) => effect?.mean],
  ["effect_spread", ({ effect }) => effect?.spread],
  ["relation", ({ relation }) => relation?.relation],
];

/**
 * Write heads as CSV (RFC 4180), a row for each.
 * @param {HeadFacts[]} heads
 * @returns {string}
 */
export function tableCsv(heads) {
  const beside = TABLE_FIELDS_BESIDE.filter(([, of]) => heads.some((head) => of(head) !== undefined));
  const fields = [...TABLE_FIELDS, ...beside, ...tableLists(heads)];
  const rows = heads.map((head) => fields.map(([, of]) => of(head)));
  return [fields.map(([name]) => name), ...rows]
    .map((row) => `${row.map((value) => csvCell({ text: String(value ?? "") })).join(",")}\r\n`)
    .join("");
}

/**
 * Give a field for each word and link, as many as the head with most has.
 * @param {HeadFacts[]} heads
 * @returns {[string, (head: HeadFacts) => TableValue][]}
 */
function tableLists(heads) {
  const most = (/** @type {(head: HeadFacts) => number} */ count) => Math.max(0, ...heads.map(count));
  const places = (/** @type {number} */ count) => Array.from({ length: count }, (_, place) => place);
  return [
    ...places(most(({ focus }) => focus.length)).flatMap(tableWordFields),
    ...places(most(({ links }) => links.length)).flatMap(tableLinkFields),
  ];
}

/**
 * @param {number} place
 * @returns {[string, (head: HeadFacts) => TableValue][]}
 */
function tableWordFields(place) {
  return [
    [`word_${place + 1}`, ({ focus }) => focus[place]?.token],
    [`word_${place + 1}_position`, ({ focus }) => focus[place]?.at ?? focus[place]?.position],
    [`word_${place + 1}_mass`, ({ focus }) => focus[place]?.mass],
  ];
}

/**
 * @param {number} place
 * @returns {[string, (head: HeadFacts) => TableValue][]}
 */
function tableLinkFields(place) {
  return [
    [`link_${place + 1}_from`, ({ links }) => links[place]?.from],
    [
      `link_${place + 1}_from_position`,
      ({ links }) => links[place]?.from_token ?? links[place]?.from_position,
    ],
    [`link_${place + 1}_to`, ({ links }) => links[place]?.to],
    [`link_${place + 1}_to_position`, ({ links }) => links[place]?.to_token ?? links[place]?.to_position],
    [`link_${place + 1}_weight`, ({ links }) => links[place]?.weight],
  ];
}
