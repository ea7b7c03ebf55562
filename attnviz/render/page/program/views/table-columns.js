// The table's columns: in each a value to sort by, and a text.

import {
  tableEffect,
  tableFixed,
  tableLink,
  tableMargin,
  tableMarginText,
  tableMass,
  tableNearest,
  tableRelation,
  tableRelationText,
  tableShare,
  tableThings,
  tableWord,
} from "./table-facts.js";

/**
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("../core/types.js").Facts} Facts
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 */

/**
 * @typedef {object} TableColumn
 * @property {string} name as it stands in a link
 * @property {string} title at its head
 * @property {string} [unit] below the title
 * @property {string} about how to read it
 * @property {boolean} numeric a single number, which stands to the right
 * @property {boolean} largest whether one who sorts by it means the largest first
 * @property {(head: HeadFacts) => number|string|null} value what rows are sorted by; null for nothing said
 * @property {(head: HeadFacts) => string} text what the cell reads
 */

/**
 * Give the columns of a map's table: those about effects and grammar only where something is known.
 * @param {AttentionMap} map
 * @param {Facts} facts
 * @returns {TableColumn[]}
 */
export function tableColumns(map, facts) {
  const things = tableThings(map);
  const one = things === "patches" ? "patch" : things.slice(0, -1);
  const heads = map.facts.focus;
  return [
    ...readingColumns(map, one, things),
    ...shapeColumns(),
    ...breadthColumns(things),
    ...measureColumns(map),
    ...(heads.some(({ effect }) => effect) ? [effectColumn(facts)] : []),
    ...(heads.some(tableRelation) ? [grammarColumn()] : []),
  ];
}

/**
 * @param {AttentionMap} map
 * @param {string} one
 * @param {string} things
 * @returns {TableColumn[]}
 */
function readingColumns(map, one, things) {
  const named = (/** @type {HeadFacts["focus"][number]} */ { token, position, mass }) =>
    `${tableWord(token, map.keys.tokens[position])} ${tableFixed(mass, 1)}`;
  return [
    {
      name: "head",
      title: "head",
      about: "L3H7 is head 7 of layer 3, both counted from 0",
      numeric: false,
      largest: false,
      value: ({ layer, index }) => layer * 1e6 + index,
      text: ({ head }) => head,
    },
    {
      name: "focus",
      title: "focuses on",
      about: `what it reads beyond an even spread, in queries' worth of attention: 1.2 is as much as 1.2 ${things} have to give`,
      numeric: false,
      largest: true,
      value: ({ focus }) => focus[0]?.mass ?? null,
      text: ({ focus }) => focus.map(named).join(", ") || `no ${one} in particular`,
    },
    {
      name: "link",
      title: "strongest link",
      about: "which query looks at which key, and with what weight; not at itself, nor at special tokens",
      numeric: false,
      largest: true,
      value: ({ links }) => links[0]?.weight ?? null,
      text: ({ links }) => (links[0] ? tableLink(map, links[0]) : ""),
    },
  ];
}

/** @returns {TableColumn[]} */
function shapeColumns() {
  return [
    {
      name: "pattern",
      title: "pattern",
      about: "the named shape its rows have, or the one that came near",
      numeric: false,
      largest: false,
      value: ({ pattern }) => pattern.label,
      text: ({ pattern }) => pattern.label,
    },
    {
      name: "score",
      title: "score",
      about: "the share of its mass, self-links aside, that lies on the pattern",
      numeric: true,
      largest: true,
      value: (head) => (tableNearest(head) === null ? null : head.pattern.score),
      text: (head) => (tableNearest(head) === null ? "" : tableShare(head.pattern.score)),
    },
    {
      name: "chance",
      title: "over chance",
      about: "that score less what evenly spread mass would give, ± its standard error",
      numeric: true,
      largest: true,
      value: tableMargin,
      text: tableMarginText,
    },
  ];
}

/**
 * @param {string} things
 * @returns {TableColumn[]}
 */
function breadthColumns(things) {
  /** @type {(name: string, title: string, unit: string, about: string, digits: number, of: (head: HeadFacts) => number) => TableColumn} */
  const amount = (name, title, unit, about, digits, of) => ({
    name,
    title,
    unit,
    about,
    numeric: true,
    largest: true,
    value: of,
    text: (head) => tableFixed(of(head), digits),
  });
  /** @type {(name: string, title: string, about: string, of: (head: HeadFacts) => number) => TableColumn} */
  const mass = (name, title, about, of) => ({
    ...amount(name, title, "share", about, 2, of),
    text: (head) => tableMass(of(head)),
  });
  return [
    amount(
      "entropy",
      "entropy",
      "bits",
      "how evenly a query spreads its attention; 0 is all on one key",
      2,
      (head) => head.entropy,
    ),
    amount(
      "breadth",
      "breadth",
      things,
      "how many it reads: 2 to the power of the entropy",
      1,
      (head) => head.breadth,
    ),
    amount(
      "distance",
      "distance",
      things === "patches" ? things : "tokens",
      "how far it looks on average",
      1,
      (head) => head.distance,
    ),
    mass(
      "self",
      "self",
      "the mass that queries keep on themselves; in no word or link",
      (head) => head.self_mass,
    ),
    mass(
      "special",
      "special",
      "the mass on tokens the model added; in no word or link",
      (head) => head.special_mass,
    ),
    mass(
      "hidden",
      "aside",
      "self and special together: the mass that words and links leave out",
      (head) => head.hidden_mass,
    ),
  ];
}

// What the columns before say already.
const TABLE_SAID = ["entropy", "breadth", "distance", "self mass"];

/**
 * Give the measures that were taken beside, while weights went by that the page does not hold.
 * @param {AttentionMap} map
 * @returns {TableColumn[]}
 */
function measureColumns({ facts: { measures = [] } }) {
  return measures.flatMap(({ name, unit, says }, place) => {
    if (TABLE_SAID.includes(name)) return [];
    const value = (/** @type {HeadFacts} */ head) => head.measures?.[place] ?? null;
    const isShare = unit === "share";
    const text = (/** @type {HeadFacts} */ head) => {
      const mean = value(head);
      if (mean === null) return "";
      if (unit === "0 to 1") return tableShare(mean);
      return isShare ? tableMass(mean) : tableFixed(mean, 1);
    };
    const column = { name: `measure-${place}`, title: name, unit, about: says };
    return [{ ...column, numeric: true, largest: true, value, text }];
  });
}

/**
 * @param {Facts} facts
 * @returns {TableColumn}
 */
function effectColumn({ effects: measured }) {
  return {
    name: "effect",
    title: "without it",
    unit: measured?.unit || undefined,
    about: measured?.about[0] ?? "what the answer loses without the head",
    numeric: true,
    largest: true,
    value: ({ effect }) => effect?.mean ?? null,
    text: ({ effect }) => tableEffect(effect),
  };
}

/** @returns {TableColumn} */
function grammarColumn() {
  return {
    name: "grammar",
    title: "grammar",
    about:
      "of the words that have this relation in a treebank, the share whose strongest link is the right one " +
      "(and how much more than a fixed distance would get right)",
    numeric: false,
    largest: false,
    value: (head) => tableRelationText(tableRelation(head)) || null,
    text: (head) => tableRelationText(tableRelation(head)),
  };
}
