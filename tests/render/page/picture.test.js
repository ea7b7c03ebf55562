// Weights over a picture: the grid of its patches, and what is laid over them.

import assert from "node:assert/strict";
import test from "node:test";
import {
  pictureGrid,
  pictureGridAround,
  pictureReading,
} from "../../../attnviz/render/page/program/views/picturegrid.js";
import { picturePatchAt, picturePatches } from "../../../attnviz/render/page/program/views/picturepaint.js";
import { pictureName, pictureTold } from "../../../attnviz/render/page/program/views/picturewords.js";
import { mapOf, near, said, stateOf } from "./reading.js";

/**
 * @param {number} row
 * @param {number} column
 */
function patch(row, column) {
  return said(`r${row}c${column}`, { kind: "patch", place: [row, column] });
}

const PATCHES = [patch(0, 0), patch(0, 1), patch(1, 0), patch(1, 1)];
const CLS = said("[CLS]", { kind: "special" });

test("the grid is the one known, or the smallest around it that the picture has room for", () => {
  assert.deepEqual(pictureGridAround(14, 13, 1), { rows: 14, columns: 14 });
  assert.deepEqual(pictureGridAround(4, 4, 5), { rows: 20, columns: 4 });
  assert.deepEqual(pictureGridAround(2, 3, 2 / 3), { rows: 2, columns: 3 });
  const sequence = { tokens: [CLS, ...PATCHES], words: null, pooled: false, rightToLeft: false };
  assert.deepEqual(pictureGrid(sequence, 1), { rows: 2, columns: 2 });
  assert.equal(pictureGrid({ ...sequence, tokens: [CLS] }, 1), null);
});

test("while nothing is picked the class token is asked", async () => {
  const rows = [[0.2, 0.5, 0.1, 0.1, 0.1], ...PATCHES.map(() => [0.2, 0.2, 0.2, 0.2, 0.2])];
  const map = await mapOf([CLS, ...PATCHES], null, [rows]);
  const reading = pictureReading(map, stateOf({ special: false }));
  assert.deepEqual([reading.way, reading.picked], ["reads", 0]);
  const patches = picturePatches(reading.columns, reading.mass.values, reading.top, stateOf());
  assert.ok(
    near(
      patches.map(({ share }) => share),
      [1, 0.2, 0.2, 0.2],
    ),
  );
  assert.equal(pictureTold(reading, 1), "[CLS] → row 0 column 0: .5000");
});

test("of a text beside a picture it is the mean over the words that see it", async () => {
  const words = [CLS, said("a"), said("dog")];
  const rows = [
    [1, 0, 0, 0],
    [0.4, 0.2, 0.2, 0.2],
    [0, 0, 0.5, 0.5],
  ];
  const map = await mapOf(words, PATCHES, [rows]);
  const reading = pictureReading(map, stateOf());
  assert.equal(reading.way, "received");
  assert.ok(near(reading.mass.values, [0.2, 0.1, 0.35, 0.35]));
  assert.ok(near(pictureReading(map, stateOf({ key: 3 })).mass.values, [0, 0.2, 0.5]));
});

test("a patch is found under the pointer, and named as one speaks of it", () => {
  const shown = {
    width: 300,
    height: 100,
    grid: { rows: 2, columns: 3 },
    patches: [{ row: 1, column: 2, label: 4, share: 1 }],
  };
  assert.equal(picturePatchAt(/** @type {any} */ (shown), 299, 99)?.label, 4);
  assert.equal(picturePatchAt(/** @type {any} */ (shown), 10, 10), null);
  assert.equal(pictureName({ ...patch(3, 5), position: 0, positions: [0] }), "row 3 column 5");
});
