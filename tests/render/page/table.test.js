// The table's words, its order and its filter, without a browser.

import assert from "node:assert/strict";
import test from "node:test";

import { AttentionMap } from "../../../attnviz/render/page/program/core/data.js";
import { tableCsv } from "../../../attnviz/render/page/program/views/table-csv.js";
import { tableColumns } from "../../../attnviz/render/page/program/views/table-columns.js";
import {
  tableCoverage,
  tableFixed,
  tableGain,
  tableLink,
  tableMass,
  tableShare,
  tableThings,
  tableWord,
} from "../../../attnviz/render/page/program/views/table-facts.js";
import {
  filterTable,
  nextTableSort,
  readTableFilter,
  sortTable,
  tablePatterns,
  writeTableFilter,
} from "../../../attnviz/render/page/program/views/table-rows.js";

const WORDS = ["the", "lazy", "dog", "."];

/**
 * @param {number} index
 * @param {any} [known]
 * @returns {any}
 */
function head(index, known = {}) {
  return {
    head: `L0H${index}`,
    layer: 0,
    index,
    focus: [{ token: "dog", position: 2, mass: index }],
    links: [{ from: "lazy", from_position: 1, to: "dog", to_position: 2, weight: 0.5 + index / 100 }],
    entropy: 1,
    breadth: 2,
    distance: 1,
    hidden_mass: 0.5,
    self_mass: 0.25,
    special_mass: 0.25,
    ...known,
    pattern: {
      label: "previous",
      nearest: "previous",
      score: 0.5,
      over_chance: 0.4,
      error: 0.01,
      evidence: [],
      ...known.pattern,
    },
  };
}

/**
 * @param {any[]} heads
 * @param {any} [known]
 */
function mapOf(heads, known = {}) {
  const tokens = WORDS.map((text) => ({ text, shown: text, kind: "text" }));
  const sequence = { tokens, words: null, pooled: false, rightToLeft: false, ...known.sequence };
  const facts = { layers: [0], heads: heads.map(({ index }) => index), queries: 0, keys: 0, block: "self" };
  /** @type {any} */
  const all = { ...facts, focus: heads, covered: [], ...known.facts };
  return new AttentionMap(all, [sequence], async () => new Uint8Array());
}

/** @param {any[]} heads */
function columnsOf(heads) {
  return tableColumns(mapOf(heads), /** @type {any} */ ({ effects: null }));
}

/**
 * @param {any[]} heads
 * @param {string} sort
 */
function sorted(heads, sort) {
  return sortTable(heads, columnsOf(heads), sort).map(({ index }) => index);
}

/**
 * @param {any[]} heads
 * @param {string} filter
 */
function filtered(heads, filter) {
  return filterTable(heads, columnsOf(heads), filter).map(({ index }) => index);
}

/**
 * @param {any} one
 * @param {string} name
 */
function cellOf(one, name) {
  return columnsOf([one])
    .find((column) => column.name === name)
    ?.text(one);
}

test("halves are rounded to the even digit, as in the package", () => {
  const numbers = [0.125, 0.375, 0.015, 0.035, 2.5, 1.005, -0.125, -0.375];
  assert.deepEqual(
    numbers.map((number) => tableFixed(number, 2)),
    ["0.12", "0.38", "0.01", "0.04", "2.50", "1.00", "-0.12", "-0.38"],
  );
  assert.deepEqual(
    [0.25, 0.75, 1.05, 7.95].map((number) => tableFixed(number, 1)),
    ["0.2", "0.8", "1.1", "8.0"],
  );
});

test("shares have no zero before the point", () => {
  assert.deepEqual([0.5, 1, 0, -0.05, -0.001].map(tableShare), [".50", "1.00", ".00", "−.05", ".00"]);
  assert.deepEqual([0.12, -0.05, 0].map(tableGain), ["+.12", "−.05", "+.00"]);
  assert.deepEqual([0.754, 0.999, 0.001, 1].map(tableMass), [".75", "1.0", "·", "1.0"]);
});

test("words are quoted where they would be taken for punctuation, and patches told by their place", () => {
  assert.deepEqual(
    ["fox", ".", "狐", "٣", "→"].map((token) => tableWord(token)),
    ["fox", "“.”", "狐", "٣", "“→”"],
  );
  assert.equal(
    tableWord("r3c5", { text: "r3c5", shown: "r3c5", kind: "patch", place: [3, 5] }),
    "row 3 column 5",
  );
});

test("a link says who looks at whom, and one that every query has only at whom", () => {
  const map = mapOf([]);
  const link = { from: "lazy", from_position: 1, to: ".", to_position: 3, weight: 0.98 };
  assert.equal(tableLink(map, link), "lazy → “.” .98");
  assert.equal(tableLink(map, { ...link, from: null, from_position: null }), "at “.” .98");
});

test("a pattern that is not clear has the numbers of the nearest, if any came near", () => {
  const near = head(0, { pattern: { label: "no clear pattern", nearest: "local", over_chance: 0.2 } });
  assert.deepEqual([cellOf(near, "score"), cellOf(near, "chance")], [".50", "+.20"]);
  const far = head(0, { pattern: { label: "no clear pattern", nearest: "local", over_chance: 0.05 } });
  assert.deepEqual([cellOf(far, "score"), cellOf(far, "chance")], ["", ""]);
  const broad = head(0, { pattern: { label: "broad", nearest: "broad", over_chance: -0.1 } });
  assert.deepEqual([cellOf(broad, "score"), cellOf(broad, "chance")], [".50", ""]);
  assert.equal(cellOf(head(0, { pattern: { error: null } }), "chance"), "+.40");
});

test("effects and grammar have a column where something is known of them", () => {
  const names = (/** @type {any} */ one) => columnsOf([one]).map(({ name }) => name);
  assert.ok(!names(head(0)).includes("effect"));
  assert.ok(names(head(0, { effect: { mean: 0.0312, spread: 0.1 } })).includes("effect"));
  const effects = [0.0312, 2.41, 31.7].map((mean) =>
    cellOf(head(0, { effect: { mean, spread: 1 } }), "effect"),
  );
  assert.deepEqual(effects, ["0.031 ±1.000", "2.41 ±1.00", "31.7 ±1.0"]);
  const relation = {
    relation: "obj",
    direction: "head -> dependent",
    accuracy: 0.868,
    best_offset: 0.4,
    words: 250,
  };
  assert.equal(cellOf(head(0, { relation }), "grammar"), "governor → its obj .87 (+.47)");
  assert.ok(!names(head(0, { relation: { ...relation, words: 3 } })).includes("grammar"));
  assert.ok(!names(head(0, { relation: { ...relation, best_offset: 0.8 } })).includes("grammar"));
});

test("what is read are words, patches or frames, beside what the model added", () => {
  const of = (/** @type {string[]} */ ...kinds) =>
    tableThings(mapOf([], { sequence: { tokens: kinds.map((kind) => ({ text: "a", shown: "a", kind })) } }));
  assert.deepEqual(
    [of("special", "text"), of("special", "patch"), of("frame"), of("patch", "text")],
    ["words", "patches", "frames", "words"],
  );
});

test("what all heads link is counted", () => {
  assert.equal(tableCoverage(mapOf([], { facts: { covered: WORDS } })), "all 4 words");
  assert.equal(tableCoverage(mapOf([], { facts: { covered: ["dog"] } })), "1 of 4 words");
  assert.equal(
    tableCoverage(mapOf([], { facts: { covered: ["dog"], block: "cross" } })),
    "1 of 4 source words",
  );
});

test("rows are sorted by a column, up or down, and equals stay as they were", () => {
  const heads = [
    head(0, { entropy: 2 }),
    head(1, { entropy: 3 }),
    head(2, { entropy: 2 }),
    head(3, { entropy: 1 }),
  ];
  assert.deepEqual(sorted(heads, "entropy"), [3, 0, 2, 1]);
  assert.deepEqual(sorted(heads, "-entropy"), [1, 0, 2, 3]);
  assert.deepEqual(sorted(heads, "-head"), [3, 2, 1, 0]);
});

test("what says nothing comes last, up or down", () => {
  const heads = [head(0, { links: [] }), head(1), head(2)];
  assert.deepEqual(sorted(heads, "link"), [1, 2, 0]);
  assert.deepEqual(sorted(heads, "-link"), [2, 1, 0]);
});

test("heads of layer 10 come after those of layer 2", () => {
  const heads = [head(1, { layer: 10, index: 1 }), head(2, { layer: 2, index: 2 })];
  assert.deepEqual(sorted(heads, "head"), [2, 1]);
});

test("an order that no column has is the model's", () => {
  const heads = [head(1), head(0)];
  for (const sort of ["", "-", "constructor", "__proto__", "--head", "<b>"])
    assert.deepEqual(sorted(heads, sort).sort(), [0, 1]);
});

test("a title chosen sorts the usual way first, then the other", () => {
  const [first, , , pattern, , , entropy] = columnsOf([head(0)]);
  assert.deepEqual([first.name, pattern.name, entropy.name], ["head", "pattern", "entropy"]);
  assert.equal(nextTableSort("head", entropy), "-entropy");
  assert.equal(nextTableSort("-entropy", entropy), "entropy");
  assert.equal(nextTableSort("entropy", entropy), "-entropy");
  assert.equal(nextTableSort("entropy", pattern), "pattern");
  assert.equal(nextTableSort("head", first), "-head");
});

test("a filter is a pattern, a text, or both, and reads back", () => {
  for (const filter of [
    { pattern: "", text: "" },
    { pattern: "same word", text: "" },
    { pattern: "", text: "lazy dog" },
    { pattern: "previous", text: "dog" },
    { pattern: "first", text: "]" },
  ])
    assert.deepEqual(readTableFilter(writeTableFilter(filter)), filter);
  assert.deepEqual(readTableFilter("[open"), { pattern: "", text: "[open" });
});

test("a row must have every word of the filter, wherever it says it", () => {
  const heads = [
    head(0),
    head(1, { pattern: { label: "local" } }),
    head(2, { focus: [{ token: "Füchse", position: 0, mass: 1 }], taught: "subject <-> verb" }),
    head(3, { pattern: { label: "no clear pattern", nearest: "first", over_chance: 0.2 } }),
  ];
  assert.deepEqual(filtered(heads, ""), [0, 1, 2, 3]);
  assert.deepEqual(filtered(heads, "L0H1"), [1]);
  assert.deepEqual(filtered(heads, "LOCAL dog"), [1]);
  assert.deepEqual(filtered(heads, "fu\u0308chse"), [2]);
  assert.deepEqual(filtered(heads, "subject"), [2]);
  assert.deepEqual(filtered(heads, "→ previous"), [0, 2]);
  assert.deepEqual(filtered(heads, "first"), [3]);
  assert.deepEqual(filtered(heads, "[local]"), [1]);
  assert.deepEqual(filtered(heads, "[previous] fuchs"), []);
  assert.deepEqual(filtered(heads, "[constructor]"), []);
  assert.deepEqual(filtered(heads, ".5"), []);
});

test("patterns are counted, the most frequent first", () => {
  const heads = [
    head(0, { pattern: { label: "local" } }),
    head(1),
    head(2),
    head(3, { pattern: { label: "__proto__" } }),
  ];
  assert.deepEqual(tablePatterns(heads), [
    ["previous", 2],
    ["local", 1],
    ["__proto__", 1],
  ]);
});

test("rows as CSV hold every number whole, and texts that cannot break out", () => {
  const odd = head(7, {
    entropy: 0.123456,
    focus: [{ token: 'a,"b"\n', position: 0, mass: 1.5 }],
    links: [],
    effect: { mean: 0.5, spread: null },
  });
  const [titles, first, second] = tableCsv([odd, head(8)]).split("\r\n");
  const place = titles.split(",").indexOf("entropy");
  assert.equal(first.split(",")[place], "0.123456");
  assert.ok(first.includes('"a,""b""\\n",0,1.5,,,,,'));
  assert.ok(titles.includes("effect,effect_spread"));
  assert.ok(second.endsWith("dog,2,8,lazy,1,dog,2,0.58"));
});
