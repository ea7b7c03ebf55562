// The grid of heads, up to what is drawn: places, sizes, thumbnails, what is said of a head.

import assert from "node:assert/strict";
import test from "node:test";
import { matrixOf, pooled } from "../../../attnviz/render/page/program/core/matrix.js";
import { makePalette } from "../../../attnviz/render/page/program/core/colors.js";
import {
  gridChoices,
  gridGroups,
  gridMatches,
  gridNumbers,
  gridNumberText,
  gridPatterns,
  gridSentence,
  gridSharing,
} from "../../../attnviz/render/page/program/views/grid-heads.js";
import {
  gridColumns,
  gridIsOfLayers,
  gridNeighbor,
  gridPlaces,
  gridStep,
  gridTileSize,
} from "../../../attnviz/render/page/program/views/grid-layout.js";
import {
  gridCells,
  gridMapTop,
  gridPooled,
  gridTile,
} from "../../../attnviz/render/page/program/views/grid-tiles.js";
import { labelsOf } from "../../../attnviz/render/page/program/core/matrix.js";
import { mapOf, said, stateOf } from "./reading.js";
import { smallPage } from "./small.js";

const ROOM = { width: 960, height: 500, small: false };

/**
 * @param {Object<string, any>} fields
 * @returns {any}
 */
function head(fields) {
  return {
    head: "L0H0",
    focus: [],
    links: [{ from: "fox", to: "quick", from_position: 3, to_position: 1, weight: 0.917 }],
    pattern: { label: "previous", score: 0.834 },
    entropy: 1.25,
    ...fields,
  };
}

/**
 * @param {number} queries
 * @param {number} keys
 * @param {Object<string, any>} [more]
 */
function randomMap(queries, keys, more) {
  let seed = 7;
  const next = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const rows = Array.from({ length: queries }, () => Array.from({ length: keys }, next));
  const tokens = (/** @type {number} */ count) =>
    Array.from({ length: count }, (_, place) => said(String(place), place ? {} : { kind: "special" }));
  return mapOf(tokens(queries), keys === queries ? null : tokens(keys), [rows], more);
}

test("layers stand below each other and heads beside each other", () => {
  const map = smallPage().map("self");
  assert.equal(gridColumns(map, ROOM), 3);
  const places = gridPlaces(map, 3);
  assert.deepEqual(places[4], { name: "L3H1", row: 1, column: 1, place: 1 });
});

test("maps of whole layers follow each other, as many to a row as fit", () => {
  const map = smallPage().map("self.rollout");
  assert.ok(gridIsOfLayers(map));
  assert.equal(gridColumns(map, ROOM), 2);
  assert.equal(gridColumns(map, { ...ROOM, width: 140 }), 1);
  assert.deepEqual(
    gridPlaces(map, 1).map(({ row, place }) => [row, place]),
    [
      [0, 0],
      [1, 1],
    ],
  );
});

test("tiles fit beside each other, with whole pixels where weights are large", () => {
  const shape = { queries: 12, keys: 12 };
  const size = gridTileSize(ROOM, { columns: 12, rows: 6 }, shape);
  assert.ok(12 * (size.width + size.gap) <= ROOM.width);
  assert.equal(size.width % 12, 0);
  assert.equal(size.width, size.height);
});

test("a thousand tiles fit beside a view, and can be hit in one of their own", () => {
  const shape = { queries: 40, keys: 40 };
  const grid = { columns: 32, rows: 32 };
  const small = gridTileSize({ width: 200, height: 600, small: true }, grid, shape);
  assert.ok(32 * (small.width + small.gap) <= 200);
  assert.ok(gridTileSize({ width: 300, height: 600, small: false }, grid, shape).width >= 18);
});

test("a tile has the shape of its map, but is never a strip", () => {
  const grid = { columns: 4, rows: 1 };
  const wide = gridTileSize(ROOM, grid, { queries: 50, keys: 100 });
  assert.ok(Math.abs(wide.width / wide.height - 2) < 0.1);
  const strip = gridTileSize(ROOM, grid, { queries: 1, keys: 400 });
  assert.ok(strip.width / strip.height < 2.7);
});

test("numbers along an axis are thinned out where they have no room", () => {
  assert.deepEqual(
    [40, 12, 6, 2].map((length) => gridStep(length, 20)),
    [1, 2, 4, 10],
  );
});

test("arrows lead to neighbours and end at the edge", () => {
  const places = gridPlaces(smallPage().map("self"), 3);
  const go = (/** @type {string} */ key, far = false) => gridNeighbor(places, "L0H1", key, far);
  assert.deepEqual(
    ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => go(key)),
    ["L0H0", "L0H5", null, "L3H1"],
  );
  assert.deepEqual([go("Home"), go("End"), go("End", true), go("x")], ["L0H0", "L0H5", "L3H5", null]);
});

test("a thumbnail made of levels is the matrix, pooled", async () => {
  for (const [queries, keys, most] of [
    [9, 9, 4],
    [7, 12, 5],
    [5, 5, 50],
  ]) {
    const map = await randomMap(queries, keys);
    for (const special of [true, false]) {
      const state = stateOf({ special });
      const matrix = matrixOf(map, "L0H0", state);
      const plain = pooled(matrix.values, matrix.rows.length, matrix.columns.length, most);
      const rows = labelsOf(map.queries, state);
      const fast = gridPooled(map, "L0H0", rows, labelsOf(map.keys, state), most);
      assert.deepEqual([fast.rows, fast.columns], [plain.rows, plain.columns]);
      fast.values.forEach((value, cell) => assert.ok(Math.abs(value - plain.values[cell]) < 1e-6));
    }
  }
});

test("words are merged in thumbnails too", async () => {
  const page = smallPage();
  const map = page.map("self");
  await map.open(0);
  const tile = gridTile(map, "L0H0", stateOf({ words: true }), 50, new Map());
  assert.deepEqual([tile.rows, tile.columns], [3, 3]);
  // "It" and "s" have 0 and .4 of .5.
  assert.ok(Math.abs(tile.values[1] - 0.2) < 0.003);
});

test("what nobody could see is masked, and only that", async () => {
  const map = await randomMap(6, 6, { causal: true });
  const masked = gridTile(map, "L0H0", stateOf(), 3, new Map()).masked;
  assert.deepEqual([...masked], [0, 1, 1, 0, 0, 1, 0, 0, 0]);
});

test("colours run from none to the largest of all heads", async () => {
  const map = await mapOf([said("a"), said("b")], null, [
    [
      [0.5, 0],
      [0.25, 0.125],
    ],
  ]);
  const theme = { scale: ["#000000", "#ffffff"], diverging: ["#000000", "#ffffff"], masked: "#ff0000" };
  const palette = makePalette(/** @type {any} */ (theme), false, []);
  const tile = gridTile(map, "L0H0", stateOf(), 10, new Map());
  assert.equal(tile.top, 0.5);
  assert.equal(gridMapTop(map), 0.5);
  const { pixels } = gridCells(tile, 1, "linear", palette);
  assert.deepEqual([pixels[0], pixels[4], pixels[8], pixels[3]], [128, 0, 64, 255]);
});

test("patterns are counted, the most frequent first and none at all last", () => {
  const labels = ["next", "no clear pattern", "previous", "previous", "no clear pattern", "no clear pattern"];
  const found = gridPatterns(labels.map((label) => head({ pattern: { label, score: 1 } })));
  assert.deepEqual(
    found.map(({ label, count }) => [label, count]),
    [
      ["previous", 2],
      ["next", 1],
      ["no clear pattern", 3],
    ],
  );
});

test("a pattern means itself, anything else a part of what is known of a head", () => {
  const labels = new Set(["self", "previous"]);
  assert.ok(gridMatches(head({}), "previous", labels));
  assert.ok(!gridMatches(head({ taught: "self or not" }), "self", labels));
  assert.ok(gridMatches(head({}), "FOX", labels));
  assert.ok(gridMatches(head({ taught: "verb -> object" }), "object", labels));
  assert.ok(!gridMatches(head({}), "dog", labels));
  assert.ok(gridMatches(head({}), "", labels));
});

test("a head is told by its pattern, its strongest link and its keys", () => {
  const map = smallPage().map("self");
  assert.deepEqual(gridSentence(map, "L0H0", head({ taught: "next" })), [
    "previous, 83 % of its mass",
    "strongest link: fox → quick .92",
    "taught: next",
  ]);
  assert.deepEqual(gridSentence(map, "L0H0", undefined), []);
});

test("heads of one key head are told and joined, of those that are held", () => {
  const map = smallPage().map("self");
  map.facts.sharing = 2;
  assert.deepEqual(gridSharing(map, "L0H0"), ["H1"]);
  assert.deepEqual(gridSharing(map, "L0H5"), []);
  assert.deepEqual(
    gridGroups(map).map(({ first, count }) => [first, count]),
    [[0, 2]],
  );
});

test("tiles show the numbers there are", () => {
  const heads = [head({}), head({ head: "L0H1", entropy: 2.5, effect: { mean: -0.5 } })];
  assert.deepEqual(
    gridChoices(heads).map(({ name }) => name),
    ["weights", "entropy", "pattern", "effect"],
  );
  assert.deepEqual(
    gridChoices([]).map(({ name }) => name),
    ["weights"],
  );
  const facts = /** @type {any} */ ({ effects: { unit: "bits" } });
  assert.equal(gridNumbers(facts, heads, "weights"), null);
  assert.equal(gridNumbers(facts, [head({})], "effect"), null);
  const entropy = gridNumbers(facts, heads, "entropy");
  assert.deepEqual([entropy?.values.get("L0H1"), entropy?.top, entropy?.signed], [2.5, 2.5, false]);
  const effect = gridNumbers(facts, heads, "effect");
  assert.deepEqual([effect?.values.size, effect?.top, effect?.signed], [1, 0.5, true]);
});

test("numbers are short", () => {
  assert.deepEqual(
    [12.34, 2.345, 0.834, 0.0412, 0.0004, 0].map((value) => gridNumberText(value, false)),
    ["12", "2.3", ".83", ".04", "0", "0"],
  );
  assert.deepEqual(
    [0.0412, -0.5, -0.00001].map((value) => gridNumberText(value, true)),
    ["+.041", "−.50", "0"],
  );
});
