// The lines, up to what is drawn: which weights, between which points, in what words.

import assert from "node:assert/strict";
import test from "node:test";
import { LINES_HEADS, LINES_MOST } from "../../../attnviz/render/page/program/views/lines-chosen.js";
import {
  linesChosen,
  linesHeads,
  linesTurned,
  linesWeights,
} from "../../../attnviz/render/page/program/views/lines-chosen.js";
import { linesAway } from "../../../attnviz/render/page/program/views/lines-hints.js";
import {
  linesEnds,
  linesInSight,
  linesNearest,
  linesOffset,
  linesPitch,
  linesRise,
  linesScrollable,
  linesScrollTo,
  linesY,
} from "../../../attnviz/render/page/program/views/lines-layout.js";
import {
  linesPrediction,
  linesSentence,
  linesTold,
} from "../../../attnviz/render/page/program/views/lines-words.js";
import { smallPage } from "./small.js";

const NONE = { row: -1, column: -1 };

/**
 * @param {number[][]} rows
 * @param {{hidden?: number[], lost?: number[]}} [beside]
 * @returns {any}
 */
function matrix(rows, { hidden = [], lost = [] } = {}) {
  const label = (/** @type {number} */ place) => ({
    text: "abcdefghij"[place] ?? String(place),
    kind: "text",
    position: place,
    positions: [place],
  });
  return {
    rows: rows.map((_, place) => label(place)),
    columns: rows[0].map((_, place) => label(place)),
    values: Float32Array.from(rows.flat()),
    hidden: Float32Array.from(rows, (_, row) => hidden[row] ?? 0),
    lost: Float32Array.from(rows, (_, row) => lost[row] ?? 0),
  };
}

/**
 * @param {Partial<import("../../../attnviz/render/page/program/views/lines-layout.js").LinesLayout>} [fields]
 */
function layout(fields = {}) {
  return { pitch: 20, view: 100, rows: 5, columns: 5, left: 0, right: 200, scroll: 0, ...fields };
}

const SQUARE = [
  [0.5, 0.3, 0.2],
  [0, 0.9, 0.1],
  [0.05, 0.05, 0.9],
];

test("every weight from the threshold up is a line, the strongest last", () => {
  const { links, possible, cut } = linesChosen([matrix(SQUARE)], NONE, 0.2);
  assert.equal(links.length, 5);
  assert.equal(possible, 8);
  assert.ok(!cut);
  const weights = links.map(({ weight }) => weight);
  assert.deepEqual(weights, [...weights].sort());
});

test("nothing is never a line", () => {
  assert.equal(linesChosen([matrix([[0, 1]])], NONE, 0).links.length, 1);
  assert.deepEqual(linesChosen([matrix([[0, 0]])], NONE, 0).links, []);
  assert.deepEqual(linesChosen([], NONE, 0).links, []);
});

test("what is drawn is a share of all the mass, hidden and lost included", () => {
  const found = linesChosen([matrix([[0.4, 0.1]], { hidden: [0.3], lost: [0.2] })], NONE, 0.3);
  assert.ok(Math.abs(found.mass - 0.4) < 1e-6);
  assert.ok(Math.abs(found.hidden - 0.3) < 1e-6);
});

test("without a threshold the strongest are drawn, a few for each row", () => {
  const rows = Array.from({ length: 100 }, (_, row) =>
    Array.from({ length: 100 }, (_, column) =>
      row === column ? 0.5 : 0.005 + ((row * 7 + column) % 10) / 1000,
    ),
  );
  const found = linesChosen([matrix(rows)], NONE, 0);
  assert.equal(found.links.length, 400);
  assert.ok(found.cut);
  assert.equal(found.links.filter(({ weight }) => weight === 0.5).length, 100);
});

test("no threshold draws more lines than can be drawn", () => {
  const rows = Array.from({ length: 80 }, () => Array.from({ length: 80 }, () => 0.0125));
  const found = linesChosen([matrix(rows)], NONE, 0.001);
  assert.equal(found.links.length, LINES_MOST);
  assert.ok(found.cut);
});

test("a token alone has all its lines, and those only", () => {
  const row = linesChosen([matrix(SQUARE)], { row: 0, column: -1 }, 0);
  assert.deepEqual(
    row.links.map(({ column }) => column),
    [2, 1, 0],
  );
  assert.ok(Math.abs(row.mass - 1) < 1e-6);
  const column = linesChosen([matrix(SQUARE)], { row: -1, column: 0 }, 0);
  assert.deepEqual(
    column.links.map(({ row }) => row),
    [2, 0],
  );
  const both = linesChosen([matrix(SQUARE)], { row: 0, column: 0 }, 0);
  assert.equal(both.links.length, 4);
});

test("several heads draw their lines together", () => {
  const found = linesChosen([matrix([[0.5, 0.5]]), matrix([[1, 0]])], NONE, 0.1);
  assert.deepEqual(
    found.links.map(({ head, column }) => [head, column]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
    ],
  );
});

test("beside a token stands its weight, of the strongest head", () => {
  const found = linesWeights([matrix([[0.25, 0.75]]), matrix([[0.5, 0.5]])], { row: 0, column: -1 }, "key");
  assert.deepEqual(found, [
    { weight: 0.5, head: 1 },
    { weight: 0.75, head: 0 },
  ]);
  assert.equal(linesWeights([matrix(SQUARE)], { row: 0, column: -1 }, "query"), null);
});

test("heads of a layer are turned on and off, and one always stays", () => {
  const map = smallPage().map("self");
  assert.deepEqual(linesHeads(map, { head: "L3H1", also: "" }), ["L3H1"]);
  assert.deepEqual(linesHeads(map, { head: "L3H1", also: "5,0,77,x" }), ["L3H0", "L3H1", "L3H5"]);
  const state = { head: "L3H1", also: "" };
  assert.deepEqual(linesTurned(map, state, "L3H5"), { head: "L3H1", also: "5" });
  assert.equal(linesTurned(map, state, "L3H1"), null);
  assert.deepEqual(linesTurned(map, { head: "L3H1", also: "5" }, "L3H1"), { head: "L3H5", also: "" });
});

test("no more heads are on than there are colours", () => {
  const map = smallPage().map("self");
  map.facts.heads = Array.from({ length: 9 }, (_, head) => head);
  map.names = map.facts.heads.map((head) => `L0H${head}`);
  map.places = new Map(map.names.map((name, place) => [name, place]));
  const state = { head: "L0H8", also: "0,1,2,3,4,5,6" };
  const on = linesHeads(map, state);
  assert.equal(on.length, LINES_HEADS);
  assert.ok(on.includes("L0H8"));
  assert.equal(linesTurned(map, state, "L0H7"), null);
});

test("tokens fill what is in sight, but stay readable", () => {
  assert.deepEqual(
    [10, 20, 25, 500].map((count) => linesPitch(500, count, false)),
    [30, 25, 20, 20],
  );
  assert.equal(linesPitch(500, 500, true), 24);
});

test("both sides begin and end together, whatever their lengths", () => {
  const long = layout({ rows: 10, columns: 50 });
  assert.equal(linesScrollable(long), 900);
  assert.deepEqual([linesOffset(long, "query"), linesOffset(long, "key")], [0, 0]);
  const end = { ...long, scroll: 900 };
  assert.deepEqual([linesOffset(end, "query"), linesOffset(end, "key")], [100, 900]);
  assert.equal(linesY(end, "query", 9), linesY(end, "key", 49));
});

test("a side that fits stays where it is", () => {
  assert.equal(linesOffset(layout({ rows: 5, columns: 50, scroll: 450 }), "query"), 0);
});

test("a token out of sight is brought there, and nothing moves for one in sight", () => {
  const long = layout({ rows: 50, columns: 50 });
  assert.equal(linesScrollTo(long, "query", 2, false), 0);
  const down = { ...long, scroll: linesScrollTo(long, "key", 30, false) };
  assert.equal(linesY(down, "key", 30), 70);
  const middle = { ...long, scroll: linesScrollTo(long, "key", 30, true) };
  assert.equal(linesY(middle, "key", 30), 50);
  assert.equal(linesScrollTo(long, "query", 49, false), 900);
});

test("lines go from a query to a key, those of several heads side by side", () => {
  const link = { head: 0, row: 1, column: 3, weight: 1 };
  assert.deepEqual(linesEnds(layout(), link, 1), [30, 70]);
  const [first, second] = [0, 1].map((head) => linesEnds(layout(), { ...link, head }, 2)[0]);
  assert.ok(first < 30 && second > 30);
});

test("lines that pass through what is in sight are drawn", () => {
  assert.ok(linesInSight(layout(), [-10, 110]));
  assert.ok(!linesInSight(layout(), [-10, -20]));
  assert.ok(!linesInSight(layout(), [110, 900]));
});

test("a curve is level at both ends and half way down in the middle", () => {
  assert.ok(Math.abs(linesRise(0.5) - 0.5) < 1e-6);
  assert.ok(linesRise(0) < 1e-6 && linesRise(1) > 1 - 1e-6);
  assert.ok(linesRise(0.1) < 0.05);
});

test("the line nearest to a point is found, or none", () => {
  const links = [
    { head: 0, row: 0, column: 0, weight: 0.1 },
    { head: 0, row: 4, column: 4, weight: 0.5 },
    { head: 0, row: 0, column: 4, weight: 0.9 },
  ];
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    linesNearest(layout(), links, 1, { x, y }, 5);
  assert.equal(at(100, 50)?.weight, 0.9);
  assert.equal(at(100, 88)?.weight, 0.5);
  assert.equal(at(100, 30), null);
  // Where lines lie on each other, the strongest is meant.
  assert.equal(at(0, 10)?.weight, 0.9);
  assert.equal(at(500, 50), null);
});

test("what a token links to out of sight is told, the strongest first", () => {
  const rows = [
    Array.from({ length: 50 }, (_, column) => ([0, 40, 49].includes(column) ? 0.1 + column / 100 : 0)),
  ];
  const found = linesAway(
    layout({ rows: 1, columns: 50, scroll: 300 }),
    { row: 0, column: -1 },
    [matrix(rows)],
    "key",
  );
  assert.deepEqual(
    found.above.map(({ place }) => place),
    [0],
  );
  assert.deepEqual(
    found.below.map(({ place }) => place),
    [49, 40],
  );
});

test("it is said how much is drawn", () => {
  const told = (/** @type {any} */ of, /** @type {any} */ picks, /** @type {number} */ threshold) =>
    linesTold(linesChosen([of], picks, threshold), picks, of);
  assert.equal(told(matrix(SQUARE), NONE, 0.2), "drawn: 5 of 8 weights, from .20 up, 93 % of the mass");
  assert.equal(
    told(matrix(SQUARE), { row: 0, column: -1 }, 0),
    "drawn: 3 of 3 weights, 100 % of what a reads",
  );
  assert.equal(told(matrix(SQUARE), NONE, 1), "drawn: 0 of 8 weights, all are below the threshold");
  const some = matrix([[0.5, 0.1]], { hidden: [0.4] });
  assert.equal(told(some, NONE, 0), "drawn: 2 of 2 weights, 60 % of the mass; 40 % is on hidden tokens");
});

test("a sentence says what a token reads and who reads it", () => {
  const one = [matrix(SQUARE)];
  assert.equal(linesSentence(one, ["L0H0"], { row: 0, column: -1 }), "a reads a .5000, b .3000, c .2000");
  assert.equal(linesSentence(one, ["L0H0"], { row: -1, column: 0 }), "a is read by a .5000, c .0500");
  const two = linesSentence([...one, matrix([[0, 0, 1]])], ["L0H0", "L0H1"], { row: 0, column: -1 });
  assert.equal(two, "a reads L0H0 a .5000, b .3000; L0H1 c 1.0000");
});

test("after a row stands what the model expects", () => {
  const predictions = ["x", "y", "z"].map((text) => ({ text, shown: text, probability: 0.25 }));
  const found = linesPrediction({ predictions }, matrix(SQUARE), 2);
  assert.deepEqual(found, { after: "c", text: "z", probability: ".25" });
  assert.equal(linesPrediction({ predictions: [] }, matrix(SQUARE), 2), null);
});

test("of many small weights the row's own mass is the whole, not their sum", () => {
  const known = { ...matrix([[0.5, 0.1]]), masses: [1] };
  assert.ok(Math.abs(linesChosen([known], NONE, 0.3).mass - 0.5) < 1e-6);
  const sink = { ...matrix([[0.5, 0]], { lost: [0.4] }), masses: [0.6] };
  assert.ok(Math.abs(linesChosen([sink], NONE, 0.3).mass - 0.5) < 1e-6);
});
