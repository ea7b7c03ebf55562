// The text view, up to what is drawn: what stands between tokens, what is tinted, what a press changes.

import assert from "node:assert/strict";
import test from "node:test";
import { rgb } from "../../../attnviz/render/page/program/core/colors.js";
import { labelsOf, matrixOf } from "../../../attnviz/render/page/program/core/matrix.js";
import {
  massHeads,
  massLargest,
  massRead,
  massReaders,
  massReceived,
} from "../../../attnviz/render/page/program/views/mass.js";
import {
  textPick,
  textReading,
  textShares,
  textTint,
  textTurned,
} from "../../../attnviz/render/page/program/views/textreading.js";
import { textGaps, textOf, textParagraphs } from "../../../attnviz/render/page/program/views/textruns.js";
import {
  textApart,
  textLines,
  textShaped,
  textVisual,
} from "../../../attnviz/render/page/program/views/textlines.js";
import { textLead } from "../../../attnviz/render/page/program/views/textlists.js";
import { mapOf, near, said, stateOf } from "./reading.js";

/**
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").TokenFacts} TokenFacts
 */

/**
 * @param {TokenFacts[]} tokens
 * @param {Partial<import("../../../attnviz/render/page/program/core/types.js").State>} [shown]
 */
function labels(tokens, shown = {}) {
  return labelsOf({ tokens, words: null, pooled: false, rightToLeft: false }, stateOf(shown));
}

const DOGS = [said("[CLS]", { kind: "special" }), said("two"), said("dog"), said("s"), said(".")];
const WEIGHTS = [
  [
    [0.2, 0.2, 0.2, 0.2, 0.2],
    [0.5, 0.1, 0.2, 0.2, 0],
    [0, 0.8, 0.1, 0.1, 0],
    [0.1, 0.4, 0.1, 0.1, 0.3],
    [1, 0, 0, 0, 0],
  ],
  [
    [1, 0, 0, 0, 0],
    [1, 0, 0, 0, 0],
    [0.2, 0, 0, 0.8, 0],
    [0, 0, 0, 0, 1],
    [0, 0, 0, 1, 0],
  ],
];

test("white space stands where the source has it, and nowhere inside a word", () => {
  assert.deepEqual(textGaps(DOGS, "two  dogs."), ["", "", "  ", "", ""]);
  assert.deepEqual(textGaps([said("敏"), said("捷")], "敏捷"), ["", ""]);
});

test("a token's own white space is a gap too", () => {
  const tokens = [said("Once"), said(" upon", { shown: "␣upon" }), said("\n", { shown: "↵" })];
  assert.deepEqual(textGaps(tokens, "Once upon\n"), ["", " ", ""]);
  const [, upon, end] = labels(tokens);
  assert.equal(textOf(upon, tokens), "upon");
  assert.equal(textOf(end, tokens), "↵");
});

test("the second text of a source is found behind the first", () => {
  const source = "so it is .\nit is so";
  assert.deepEqual(textGaps([said("it"), said("is"), said("so")], source), ["", " ", " "]);
});

test("tokens that share a character stand together", () => {
  assert.deepEqual(textGaps([said("a"), said("👍"), said("👍"), said("b")], "a 👍b"), ["", " ", "", ""]);
});

test("what no token stands for is told, not shown", () => {
  assert.deepEqual(textGaps([said("a"), said("b")], "a \u202e! b"), ["", " … "]);
  assert.deepEqual(textGaps([said("a"), said("x")], "a b"), ["", " "]);
});

test("parts are paragraphs, and special tokens stay with what they end", () => {
  const special = (/** @type {string} */ text) => said(text, { kind: "special" });
  const tokens = [
    special("[CLS]"),
    ...[said("Hi", { part: "A" }), said("!", { part: "A" }), special("[SEP]")],
    ...[said("So", { part: "B" }), special("[SEP]")],
  ];
  const sequence = { tokens, words: null, pooled: false, rightToLeft: false };
  const found = textParagraphs(sequence, labels(tokens), "Hi!\nSo");
  assert.deepEqual(
    found.map(({ part, words }) => [part, words.map(({ text }) => text).join("|")]),
    [
      ["A", "[CLS]|Hi|!|[SEP]"],
      ["B", "So|[SEP]"],
    ],
  );
  const places = textParagraphs(sequence, labels(tokens, { special: false }), "Hi!\nSo");
  assert.deepEqual(
    places.flatMap(({ words }) => words.map(({ place }) => place)),
    [0, 1, 2],
  );
});

test("a row is what the heatmap shows of it", async () => {
  const map = await mapOf(DOGS, null, WEIGHTS);
  map.queries.words = { starts: [0, 1, 2, 4], shown: ["[CLS]", "two", "dogs", "."] };
  for (const shown of [{}, { words: true }, { special: false }, { words: true, special: false }]) {
    const matrix = matrixOf(map, "L0H0", stateOf(shown));
    matrix.rows.forEach((row, place) => {
      const { values, hidden } = massRead(map, ["L0H0"], row, matrix.columns);
      const start = place * matrix.columns.length;
      assert.ok(near(values, [...matrix.values.subarray(start, start + matrix.columns.length)]));
      assert.ok(near([hidden], [matrix.hidden[place]]));
    });
    matrix.columns.forEach((column, place) => {
      const { values } = massReaders(map, ["L0H0"], column, matrix.rows);
      const wanted = matrix.rows.map((_, row) => matrix.values[row * matrix.columns.length + place]);
      assert.ok(near(values, wanted));
    });
  }
});

test("several heads are a mean, and how many agree is told", async () => {
  const map = await mapOf(DOGS, null, WEIGHTS);
  const shown = labels(DOGS);
  const both = massRead(map, ["L0H0", "L0H1"], shown[2], shown);
  assert.ok(near(both.values, [0.1, 0.4, 0.05, 0.45, 0]));
  assert.ok(near(both.least, [0, 0, 0, 0.1, 0]));
  assert.ok(near(both.most, [0.2, 0.8, 0.1, 0.8, 0]));
  assert.deepEqual([both.heads, both.agree], [2, 1]);
  assert.deepEqual(massHeads(map, { head: "L0H1", together: "head" }), ["L0H1"]);
  assert.deepEqual(massHeads(map, { head: "L0H1", together: "layer" }), ["L0H0", "L0H1"]);
  const lead = textLead(textReading(map, stateOf({ query: 2, together: "all" })), stateOf()).join(" ");
  assert.match(lead, /mean of 2 heads\. 1 of 2 heads/);
});

test("while nothing is picked it is the mean of the columns", async () => {
  const map = await mapOf(DOGS, null, WEIGHTS);
  const reading = textReading(map, stateOf());
  assert.equal(reading.way, "received");
  assert.ok(near(reading.mass.values, [0.36, 0.3, 0.12, 0.12, 0.1]));
  const less = labels(DOGS, { special: false });
  const { values, hidden } = massReceived(map, ["L0H0"], less, less);
  assert.ok(near(values, [0.325, 0.1, 0.1, 0.075]));
  assert.ok(near([hidden], [0.4]));
});

test("mass on no key is lost where the layer has a sink, and rounding anywhere else", async () => {
  const rows = [[[0.5, 0.2]], [[0.1, 0.1]]];
  const tokens = [said("a"), said("b")];
  const masses = new Uint8Array(Float32Array.of(0.7, 0.2).buffer);
  const sunk = await mapOf([said("q")], tokens, rows, { sinks: [0], masses: 2 }, [masses]);
  const shown = labels(tokens);
  assert.ok(near([massRead(sunk, ["L0H0", "L0H1"], labels([said("q")])[0], shown).lost], [0.55]));
  const plain = await mapOf([said("q")], tokens, rows);
  assert.equal(massRead(plain, ["L0H0"], labels([said("q")])[0], shown).lost, 0);
});

test("the largest come first, equal ones in the order of the text, and nothing is none", () => {
  assert.deepEqual(massLargest(Float64Array.of(0.1, 0.5, 0, 0.5), 8), [1, 3, 0]);
  assert.deepEqual(massLargest(Float64Array.of(0.1, 0.5, 0, 0.5), 2), [1, 3]);
});

test("a press picks, a second press lets go, and turning keeps the word", () => {
  const none = stateOf();
  assert.deepEqual(textPick(none, "reads", 3), { query: 3, key: null });
  assert.deepEqual(textPick(stateOf({ query: 3 }), "reads", 3), { query: null, key: null });
  assert.deepEqual(textPick(none, "readers", 3), { query: null, key: 3 });
  assert.deepEqual(textPick(stateOf({ key: 3 }), "readers", 3), { key: null });
  assert.deepEqual(textTurned(stateOf({ query: 3, key: 1 }), true, "readers"), { query: null, key: 3 });
  assert.deepEqual(textTurned(stateOf({ key: 3 }), true, "reads"), { query: 3, key: null });
  assert.deepEqual(textTurned(stateOf({ key: 3 }), false, "reads"), {});
  assert.deepEqual(textTurned(none, true, "readers"), {});
});

test("a word that is hidden is not picked", async () => {
  const map = await mapOf(DOGS, null, WEIGHTS);
  const state = stateOf({ query: 0, special: false });
  const reading = textReading(map, state);
  assert.equal(reading.way, "received");
  assert.match(textLead(reading, state).join(" "), /hidden at the moment/);
});

test("what is below the threshold has no colour, and no weight none either", async () => {
  const map = await mapOf(DOGS, null, WEIGHTS);
  const state = stateOf({ query: 3, threshold: 0.2 });
  assert.ok(near(textShares(textReading(map, state), state), [0, 1, 0, 0, 0.75]));
  /** @type {any} */
  const palette = { background: "#101010", stops: ["#000000", "#ffffff"].map(rgb) };
  assert.equal(textTint(palette, 0), null);
  assert.deepEqual(textTint(palette, 1), [255, 255, 255]);
});

/**
 * @param {string[]} line
 * @param {boolean} rightToLeft
 * @returns {string}
 */
function seen(line, rightToLeft) {
  return textVisual(
    line.map((text) => ({ text })),
    rightToLeft,
  )
    .map(({ text }) => text)
    .join(" ");
}

test("a line shows words as their scripts run", () => {
  assert.equal(seen(["one", "two", "."], false), "one two .");
  assert.equal(seen(["אני", "קורא", "ספר", "."], true), ". ספר קורא אני");
  assert.equal(seen(["אני", "Linux", "6", ".", "1", "ספר"], true), "ספר Linux 6 . 1 אני");
  assert.equal(seen(["say", "אני", ",", "קורא", "now"], false), "say קורא , אני now");
  assert.equal(seen([], true), "");
});

test("words go on in the next line where there is no room, or the source begins one", () => {
  const word = (/** @type {string} */ text, breaks = false) => ({ text, width: 10, space: 2, breaks });
  const lines = textLines([word("a"), word("b"), word("c"), word("d", true)], 25);
  assert.deepEqual(
    lines.map((line) => line.map(({ text }) => text).join("")),
    ["ab", "c", "d"],
  );
});

test("pieces stand close, and Arabic ones keep the shape they have inside the word", () => {
  const tokens = [said("[CLS]", { kind: "special" }), said("ال"), said("كلب"), said("dog"), said("s")];
  const sequence = { tokens, words: null, pooled: false, rightToLeft: true };
  const [{ words }] = textParagraphs(sequence, labels(tokens), "الكلب dogs");
  const apart = [0, 1, 2, 3, 4, 5].map((place) => textApart(words, place));
  assert.deepEqual(apart, [true, true, false, true, false, true]);
  assert.equal(textShaped(words, 1), "ال\u200d");
  assert.equal(textShaped(words, 2), "\u200dكلب");
  assert.equal(textShaped(words, 3), "dog");
});
