// Labels, windows, colours and words of maps, without a browser.

import assert from "node:assert/strict";
import test from "node:test";
import { css, makePalette, rgb } from "../../../attnviz/render/page/program/core/colors.js";
import {
  axisMarks,
  axisRoom,
  axisStep,
  cutLabel,
  labelText,
} from "../../../attnviz/render/page/program/parts/axis.js";
import { planLegend, scaleCells } from "../../../attnviz/render/page/program/parts/legend.js";
import { sectionStarts } from "../../../attnviz/render/page/program/parts/marks.js";
import { cellBox, plotSize, spotAt } from "../../../attnviz/render/page/program/parts/places.js";
import { planScene } from "../../../attnviz/render/page/program/parts/scene.js";
import {
  LATER,
  OUTSIDE,
  Sheet,
  croppedCells,
  largestOf,
  pooledCells,
} from "../../../attnviz/render/page/program/parts/sheet.js";
import { shownMatrix } from "../../../attnviz/render/page/program/parts/shown.js";
import { steered } from "../../../attnviz/render/page/program/parts/steering.js";
import {
  cellSentence,
  nameOf,
  ordinal,
  rankOf,
  topOf,
} from "../../../attnviz/render/page/program/parts/telling.js";
import {
  boxWindow,
  isWhole,
  pannedBy,
  translatedWindow,
  wholeWindow,
  windowAround,
  windowOf,
  zoomOf,
  zoomedAt,
} from "../../../attnviz/render/page/program/parts/zooming.js";
import { mapOf, said, stateOf } from "./reading.js";

/**
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").Label} Label
 * @typedef {import("../../../attnviz/render/page/program/parts/places.js").Panel} Panel
 * @typedef {import("../../../attnviz/render/page/program/parts/zooming.js").Window} Window
 */

const LETTER = 6;
const measure = (/** @type {string} */ text) => Array.from(text).length * LETTER;

const THEME = {
  scale: ["#ffffff", "#6baed6", "#08306b"],
  diverging: ["#7f3b08", "#ffffff", "#08306b"],
  ...{ background: "#ffffff", foreground: "#1a1a1a", muted: "#6b6b6b", masked: "#e4e0d8" },
  ...{ hatch: "#aaa396", rule: "#bfbfbf" },
};
const PALETTE = makePalette(THEME, false, []);

/**
 * @param {string[]} texts
 * @param {Partial<Label>} [more]
 * @returns {Label[]}
 */
function labels(texts, more = {}) {
  return texts.map((text, position) => ({ text, kind: "text", position, positions: [position], ...more }));
}

/**
 * @param {number} count
 * @returns {Label[]}
 */
function numbered(count) {
  return labels(Array.from({ length: count }, (_, place) => `w${place}`));
}

/**
 * @param {number[][]} values
 * @param {{unseen?: number[][], isDifference?: boolean, scale?: "linear"|"log", threshold?: number}} [more]
 * @returns {Sheet}
 */
function sheetOf(values, { unseen, isDifference = false, scale = "linear", threshold = 0 } = {}) {
  const flat = Float32Array.from(values.flat());
  const content = {
    rows: numbered(values.length),
    columns: numbered(values[0].length),
    values: flat,
    unseen: Uint8Array.from(unseen?.flat() ?? flat.map(() => 0)),
  };
  return new Sheet(content, { palette: PALETTE, isDifference, top: largestOf(flat), scale, threshold });
}

/**
 * @param {import("../../../attnviz/render/page/program/core/types.js").Cells} cells
 * @param {number} row
 * @param {number} column
 * @returns {number[]}
 */
function pixel(cells, row, column) {
  return [
    ...cells.pixels.subarray((row * cells.columns + column) * 4, (row * cells.columns + column) * 4 + 4),
  ];
}

let seed = 7;

/** @returns {number} 0 to 1, the same ones every time */
function chance() {
  seed = (seed * 48271) % 2147483647;
  return seed / 2147483647;
}

/**
 * @param {number} found
 * @param {number} wanted
 * @param {number} [off] how far it may be off
 */
function near(found, wanted, off = 1e-12) {
  assert.ok(Math.abs(found - wanted) <= off, `${found}, not ${wanted}`);
}

test("labels are thinned by an even, round step that stays while the reader moves along", () => {
  assert.equal(axisStep(12, 11), 1);
  assert.equal(axisStep(6, 11), 2);
  assert.equal(axisStep(1.4, 11), 10);
  const at = (/** @type {number} */ first) =>
    axisMarks(numbered(60), first, 20, 3, 11).map((mark) => mark.at);
  assert.deepEqual(at(0), [0, 5, 10, 15]);
  assert.deepEqual(at(3.2), [5, 10, 15, 20]);
  assert.deepEqual(axisMarks(numbered(3), 0, 3, 20, 11).map(({ text }) => text), ["w0", "w1", "w2"]); // prettier-ignore
  assert.equal(axisMarks(numbered(60), 0, 20, 3, 11)[1].text, "\u200e5 w5");
});

test("of the patches of a picture whole rows are labelled", () => {
  const patches = Array.from({ length: 24 }, (_, at) => ({
    ...labels([`r${Math.floor(at / 4)}c${at % 4}`], { kind: "patch" })[0],
    place: /** @type {[number, number]} */ ([Math.floor(at / 4), at % 4]),
  }));
  const texts = axisMarks(patches, 0, 24, 2, 11).map(({ text }) => text);
  assert.deepEqual(texts, ["r0c0", "r3c0"]);
});

test("a long label keeps its beginning and its end, and no character is cut in two", () => {
  assert.equal(cutLabel("fox", 18, measure), "fox");
  assert.equal(cutLabel("hyperparameters", 42, measure), "hyp…ers");
  assert.equal(cutLabel("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 60, measure), "👩‍👩‍👧…");
  assert.equal(cutLabel("abc", 1, measure), "…");
});

test("special tokens stand in brackets, their own or ours", () => {
  assert.deepEqual(["[CLS]", "<s>", "bos"].map((text) => labelText(labels([text], { kind: "special" })[0])), ["[CLS]", "<s>", "[bos]"]); // prettier-ignore
  assert.equal(axisRoom(labels(["bos"], { kind: "special" }), 200, false, measure), 30);
  assert.equal(axisRoom(labels(["hyperparameters"]), 50, false, measure), 50);
});

test("zooming leaves the spot under the pointer where it is", () => {
  const extent = { rows: 40, columns: 80 };
  const spot = { row: 10, column: 60 };
  const before = wholeWindow(extent);
  const after = zoomedAt(before, extent, 2.5, spot);
  near((spot.row - after[0]) / after[2], spot.row / 40);
  near((spot.column - after[1]) / after[3], spot.column / 80);
  near(after[2] / after[3], 0.5);
  assert.deepEqual(zoomedAt(after, extent, 1 / 100, spot), before);
  assert.equal(zoomedAt(before, extent, 1e6, spot)[2], 3);
});

test("a window never leaves the map", () => {
  const extent = { rows: 10, columns: 10 };
  assert.deepEqual(windowOf(null, extent), [0, 0, 10, 10]);
  assert.deepEqual(windowOf([8, 50, 5, 5], extent), [5, 5, 5, 5]);
  assert.deepEqual(windowOf([0, 0, 0.1, 0.1], extent), [0, 0, 3, 3]);
  assert.deepEqual(windowOf([0, 0, 99, 99], extent), [0, 0, 10, 10]);
  assert.deepEqual(pannedBy([2, 2, 5, 5], extent, -9, 9), [0, 5, 5, 5]);
  assert.equal(zoomOf([0, 0, 10, 10], extent), null);
  assert.deepEqual(zoomOf([1.23456, 0, 5, 5], extent), [1.23, 0, 5, 5]);
  assert.ok(isWhole(windowOf(null, { rows: 1, columns: 1 }), { rows: 1, columns: 1 }));
});

test("a box is shown whole, whichever way it was drawn", () => {
  const extent = { rows: 100, columns: 100 };
  const drawn = boxWindow({ row: 30, column: 60 }, { row: 20, column: 40 }, extent);
  assert.deepEqual(drawn, [15, 40, 20, 20]);
});

test("a window follows a cell no farther than it has to", () => {
  const extent = { rows: 50, columns: 50 };
  assert.deepEqual(windowAround([10, 10, 10, 10], extent, { row: 15, column: 15 }), [10, 10, 10, 10]);
  assert.deepEqual(windowAround([10, 10, 10, 10], extent, { row: 20, column: 9 }), [11, 9, 10, 10]);
});

test("the same tokens stay in sight when pieces are merged", () => {
  const pieces = numbered(20);
  const words = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18].map((position) => ({ ...pieces[position], position }));
  const before = { rows: pieces, columns: pieces };
  assert.deepEqual(translatedWindow([8, 8, 8, 8], before, { rows: words, columns: words }), [4, 4, 4, 4]);
});

test("a place on the plot is the cell drawn there", () => {
  const panel = /** @type {Panel} */ (
    /** @type {unknown} */ ({ plot: { x: 50, y: 20, width: 300, height: 200 } })
  );
  /** @type {Window} */
  const window = [4.5, 2, 10, 15];
  const box = cellBox(panel, window, { row: 7, column: 9 });
  const spot = spotAt(panel, window, box.x + box.width / 2, box.y + box.height / 2);
  near(spot?.row ?? 0, 7.5);
  near(spot?.column ?? 0, 9.5);
  assert.equal(spotAt(panel, window, 49, 30), null);
  assert.equal(spotAt(panel, window, 350, 30), null);
});

test("cells are square, but those of a long map are wide enough to be seen", () => {
  assert.deepEqual(plotSize({ rows: 10, columns: 10 }, 500, 400), { width: 400, height: 400 });
  assert.deepEqual(plotSize({ rows: 1, columns: 1 }, 500, 400), { width: 64, height: 64 });
  assert.deepEqual(plotSize({ rows: 3, columns: 40 }, 800, 400), { width: 800, height: 180 });
  assert.deepEqual(plotSize({ rows: 512, columns: 3 }, 800, 400), { width: 84, height: 400 });
});

test("a cell's pixel is the colour of its weight", () => {
  const values = [
    [0, 0.25],
    [0.5, 0.125],
  ];
  for (const scale of /** @type {const} */ (["linear", "log"])) {
    const sheet = sheetOf(values, { scale });
    values.flat().forEach((value, cell) => {
      const color = sheet.color(value).map(Math.round);
      pixel(sheet.picture(), Math.floor(cell / 2), cell % 2).forEach((part, channel) => {
        assert.ok(Math.abs(part - [...color, 255][channel]) <= 1, css(sheet.color(value)));
      });
    });
  }
  assert.deepEqual(pixel(sheetOf(values).picture(), 1, 0), [...rgb("#08306b"), 255]);
});

test("differences have colours both ways from none", () => {
  const cells = sheetOf([[-0.5, 0, 0.5]], { isDifference: true }).picture();
  assert.deepEqual(pixel(cells, 0, 0), [...rgb("#7f3b08"), 255]);
  assert.deepEqual(pixel(cells, 0, 1), [...rgb("#ffffff"), 255]);
  assert.deepEqual(pixel(cells, 0, 2), [...rgb("#08306b"), 255]);
});

test("masked cells are not zero, and those below the threshold are left out", () => {
  const cells = sheetOf([[0.5, 0.01, 0, 0]], { unseen: [[0, 0, LATER, OUTSIDE]], threshold: 0.1 }).picture();
  assert.deepEqual(pixel(cells, 0, 1), [0, 0, 0, 0]);
  assert.deepEqual(pixel(cells, 0, 2), [...rgb("#e4e0d8"), 255]);
  assert.deepEqual(pixel(cells, 0, 3), [...rgb("#e4e0d8"), 255]);
  assert.deepEqual(pixel(sheetOf([[0, 0]]).picture(), 0, 1), [...rgb("#ffffff"), 255]);
});

test("cells smaller than a pixel keep the largest, whatever its sign", () => {
  const values = Array.from({ length: 7 }, () => Array.from({ length: 5 }, () => chance() - 0.5));
  const unseen = values.map((row) => row.map(() => (chance() < 0.3 ? LATER : 0)));
  const { values: found, reasons, rows, columns } = pooledCells(sheetOf(values, { unseen }), 3, 2);
  assert.deepEqual([rows, columns], [3, 3]);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const seen = [];
      for (let r = row * 3; r < Math.min(7, row * 3 + 3); r += 1) {
        for (let c = column * 2; c < Math.min(5, column * 2 + 2); c += 1) {
          if (!unseen[r][c]) seen.push(Math.fround(values[r][c]));
        }
      }
      const largest = seen.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
      assert.equal(found[row * columns + column], largest);
      assert.equal(reasons[row * columns + column] === 0, seen.length > 0);
    }
  }
});

test("a piece of a picture is that piece", () => {
  const sheet = sheetOf([
    [0, 0.1, 0.2],
    [0.3, 0.4, 0.5],
  ]);
  const piece = croppedCells(sheet.picture(), 1, 1, 1, 2);
  assert.deepEqual(pixel(piece, 0, 1), pixel(sheet.picture(), 1, 2));
});

test("keys hidden by a window are told from later ones", async () => {
  const tokens = ["a", "b", "c", "d"].map((text) => said(text));
  // Each query sees itself and the one before.
  const bits = Uint8Array.from([0b0001, 0b0011, 0b0110, 0b1100]);
  const rows = [
    [1, 0, 0, 0],
    [0.5, 0.5, 0, 0],
    [0, 0.5, 0.5, 0],
    [0, 0, 0.5, 0.5],
  ];
  const map = await mapOf(tokens, null, [rows], { causal: true, sight: { 0: 2 } }, [bits]);
  const { unseen } = shownMatrix(map, "L0H0", stateOf());
  assert.deepEqual([...unseen], [0, 1, 1, 1, 0, 0, 1, 1, 2, 0, 0, 1, 2, 2, 0, 0]);
});

test("a window open to both sides hides nothing because it is later", async () => {
  const tokens = ["a", "b", "c"].map((text) => said(text));
  const map = await mapOf(tokens, null, [[[1, 0, 0], [0, 1, 0], [0, 0, 1]]], { sight: { 0: 2 } }, [Uint8Array.from([0b011, 0b111, 0b110])]); // prettier-ignore
  const { unseen } = shownMatrix(map, "L0H0", stateOf());
  assert.deepEqual([...unseen], [0, 0, OUTSIDE, 0, 0, 0, OUTSIDE, 0, 0]);
});

test("a cell is said with its weight, its rank among what the query sees, and who stands there", async () => {
  const tokens = ["the", "fox", "the"].map((text) => said(text));
  const map = await mapOf(tokens, null, [[[1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5]]], { causal: true }); // prettier-ignore
  const matrix = shownMatrix(map, "L0H0", stateOf());
  assert.equal(cellSentence(matrix, { row: 1, column: 0 }, 0), "fox reads the (0): .2500, 2nd of its 2 keys");
  assert.equal(cellSentence(matrix, { row: 0, column: 1 }, 0), "the (0) cannot see fox: a later key");
  assert.match(cellSentence(matrix, { row: 1, column: 0 }, 0.3), /below the threshold$/);
  assert.deepEqual(rankOf(matrix, { row: 2, column: 2 }), { rank: 1, of: 3 });
  assert.deepEqual(topOf(matrix, { row: 1, column: 0 }, "row", 5).map(({ at }) => at), [1, 0]); // prettier-ignore
  assert.deepEqual(topOf(matrix, { row: 0, column: 1 }, "column", 5).map(({ at }) => at), [1, 2]); // prettier-ignore
  assert.equal(nameOf(labels(["قطة"]), 0), "\u2068قطة\u2069");
});

test("numbers count people's way", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12, 21, 113].map(ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "113th"]); // prettier-ignore
});

test("keys move the crosshair, and what is in sight follows", () => {
  const extent = { rows: 30, columns: 30 };
  const press = (/** @type {string} */ key, shiftKey = false, ctrlKey = false) => ({
    key,
    shiftKey,
    ctrlKey,
  });
  /** @type {Window} */
  const window = [0, 0, 10, 10];
  assert.deepEqual(steered(press("ArrowDown"), null, window, extent)?.cell, { row: 0, column: 0 });
  const down = steered(press("ArrowDown"), { row: 9, column: 3 }, window, extent);
  assert.deepEqual(down, { cell: { row: 10, column: 3 }, window: [1, 0, 10, 10] });
  assert.deepEqual(steered(press("ArrowUp"), { row: 0, column: 3 }, window, extent)?.cell, {
    row: 0,
    column: 3,
  });
  assert.deepEqual(steered(press("End"), { row: 4, column: 3 }, window, extent)?.cell, {
    row: 4,
    column: 29,
  });
  assert.deepEqual(steered(press("Home", false, true), { row: 4, column: 3 }, window, extent)?.cell, { row: 0, column: 0 }); // prettier-ignore
  assert.deepEqual(steered(press("PageDown"), { row: 4, column: 3 }, window, extent)?.cell, {
    row: 12,
    column: 3,
  });
  assert.deepEqual(steered(press("ArrowRight", true), { row: 4, column: 3 }, window, extent), { window: [0, 2, 10, 10] }); // prettier-ignore
  assert.deepEqual(steered(press("0"), null, window, extent), { window: [0, 0, 30, 30] });
  assert.deepEqual(steered(press("Enter"), { row: 1, column: 1 }, window, extent), { act: "pick" });
  assert.equal(steered(press("Enter"), null, window, extent), null);
  assert.equal(steered(press("g"), null, window, extent), null);
});

test("sections begin where the part changes, and where the model's own words begin", () => {
  const parts = [
    ...labels(["[CLS]"], { kind: "special" }),
    ...labels(["a", "b"], { part: "A" }),
    ...labels(["c"], { part: "B" }),
    ...labels(["d"], { part: "B", kind: "generated" }),
  ];
  assert.deepEqual(sectionStarts(parts), [
    { at: 3, isBorder: false },
    { at: 4, isBorder: true },
  ]);
  assert.deepEqual(sectionStarts(numbered(4)), []);
});

test("a legend wraps, and a scale parts from its words where a line is too short for both", () => {
  const { shading } = sheetOf([[0.5]]);
  const items = [
    { kind: /** @type {const} */ ("scale"), text: "weight; .50 is the largest", shading },
    { kind: /** @type {const} */ ("masked"), text: "later keys" },
  ];
  assert.deepEqual(planLegend(items, 800, measure).items.map(({ y }) => y), [0, 0]); // prettier-ignore
  const narrow = planLegend(items, 200, measure);
  assert.deepEqual(narrow.items.map(({ kind, y }) => [kind, y > 0]), [["scale", false], ["note", true], ["masked", true]]); // prettier-ignore
  assert.equal(narrow.height, 60);
  const bar = scaleCells(shading, 3);
  assert.deepEqual([...bar.pixels.subarray(8, 12)], [...rgb("#08306b"), 255]);
});

test("maps stand beside each other where there is room, else below, and inside the place", () => {
  const entry = { sheet: sheetOf([[1, 0], [0, 1]]), title: "A", margins: [] }; // prettier-ignore
  const exhibit = { entries: [entry, entry, entry], legend: [], title: "", summary: "" };
  const wide = planScene(exhibit, { width: 1000, height: 500, top: 0 }, measure);
  assert.equal(new Set(wide.panels.map(({ plot }) => plot.y)).size, 1);
  assert.deepEqual(wide.panels.map(({ rowRoom }) => rowRoom > 0), [true, false, false]); // prettier-ignore
  const narrow = planScene(exhibit, { width: 330, height: 500, top: 0 }, measure);
  assert.equal(new Set(narrow.panels.map(({ plot }) => plot.x)).size, 1);
  for (const { panels, width } of [wide, narrow]) {
    for (const { plot } of panels) assert.ok(plot.x + plot.width <= width);
  }
});
