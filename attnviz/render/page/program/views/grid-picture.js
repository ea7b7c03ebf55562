// The grid as a picture to take away: all tiles, their numbers, and the scale of colours.

import { css, differenceColor, inkOn, rgb, weightColor } from "../core/colors.js";
import { labelsOf } from "../core/matrix.js";
import { gridNumberColor } from "./grid-board.js";
import { gridGroups, gridMatches, gridNumberText } from "./grid-heads.js";
import { gridColumns, gridIsOfLayers, gridPlaces, gridStep, gridTileSize } from "./grid-layout.js";
import { gridCells, gridTile } from "./grid-tiles.js";
import { cellsText } from "./heatmap-exhibit.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("./grid-board.js").GridBoard} GridBoard
 */

const GRID_PICTURE_WIDTH = 1200;
const GRID_PICTURE_HEIGHT = 900;
const GRID_PICTURE_MARGIN = { left: 64, top: 56, right: 24, bottom: 56 };
const GRID_PICTURE_BAR = { width: 160, height: 10 };
const GRID_PICTURE_STRIPES = 64;

// Names of maps that stand alone are written below them.
const GRID_PICTURE_NAME = 20;

/**
 * @param {Context} context
 * @param {GridBoard} board
 * @returns {Drawing}
 */
export function gridPicture(context, board) {
  const { map } = board;
  const { state } = context.store;
  const alone = gridIsOfLayers(map);
  const room = { width: GRID_PICTURE_WIDTH, height: GRID_PICTURE_HEIGHT, small: false };
  const columns = gridColumns(map, room);
  const rows = Math.ceil(map.names.length / columns);
  const shape = { queries: labelsOf(map.queries, state).length, keys: labelsOf(map.keys, state).length };
  const size = gridTileSize(room, { columns, rows }, shape);
  const across = size.width + size.gap;
  const down = size.height + size.gap + (alone ? GRID_PICTURE_NAME : 0);
  const width = GRID_PICTURE_MARGIN.left + columns * across + GRID_PICTURE_MARGIN.right;
  return {
    width: Math.max(width, GRID_PICTURE_MARGIN.left + GRID_PICTURE_BAR.width + 280),
    height: GRID_PICTURE_MARGIN.top + rows * down + GRID_PICTURE_MARGIN.bottom,
    paint(brush) {
      const places = gridPlaces(map, columns).map((place) => ({
        ...place,
        x: GRID_PICTURE_MARGIN.left + place.column * across,
        y: GRID_PICTURE_MARGIN.top + place.row * down,
      }));
      for (const place of places) gridPaintTile(brush, context, board, place, size);
      if (!alone) gridPaintAxes(brush, context, board, { across, down }, size);
      gridPaintScale(brush, context, board, GRID_PICTURE_MARGIN.top + rows * down + 20);
    },
  };
}

/**
 * @param {Brush} brush
 * @param {Context} context
 * @param {GridBoard} board
 * @param {{name: string, x: number, y: number}} place
 * @param {{width: number, height: number}} size
 */
function gridPaintTile(brush, context, board, { name, x, y }, { width, height }) {
  const palette = context.palette();
  const { state } = context.store;
  const { map, numbers } = board;
  const value = numbers?.values.get(name);
  if (numbers && value !== undefined) {
    const color = gridNumberColor(palette, value, numbers);
    brush.rect(x, y, width, height, { fill: css(color) });
    const text = gridNumberText(value, numbers.signed);
    brush.text(x + width / 2, y + height / 2, text, { fill: inkOn(color), align: "middle", size: 12 });
  } else if (!numbers && map.isOpen(name)) {
    const tile = board.tiles.get(name) ?? gridTile(map, name, state, board.most, board.masks);
    brush.cells(x, y, width, height, gridCells(tile, board.top, state.scale, palette));
  }
  brush.rect(x, y, width, height, { stroke: palette.rule, lineWidth: 0.5 });
  const labels = new Set(map.facts.focus.map(({ pattern }) => pattern.label));
  const asked = gridMatches(board.heads.get(name), state.filter, labels);
  if (!asked) brush.rect(x - 1, y - 1, width + 2, height + 2, { fill: palette.background, alpha: 0.78 });
  if (gridIsOfLayers(map)) {
    brush.text(x + width / 2, y + height + GRID_PICTURE_NAME / 2, name, {
      fill: palette.foreground,
      align: "middle",
    });
  }
}

/**
 * @param {Brush} brush
 * @param {Context} context
 * @param {GridBoard} board
 * @param {{across: number, down: number}} pitch
 * @param {{width: number, height: number}} size
 */
function gridPaintAxes(brush, context, board, { across, down }, { width, height }) {
  const { layers, heads } = board.map.facts;
  const { foreground, muted } = context.palette();
  const [stepDown, stepAcross] = [gridStep(down, 14), gridStep(across, 26)];
  layers.forEach((layer, row) => {
    if (row % stepDown) return;
    const y = GRID_PICTURE_MARGIN.top + row * down + height / 2;
    brush.text(GRID_PICTURE_MARGIN.left - 8, y, String(layer), { fill: foreground, align: "end" });
  });
  heads.forEach((head, column) => {
    if (column % stepAcross) return;
    const x = GRID_PICTURE_MARGIN.left + column * across + width / 2;
    brush.text(x, GRID_PICTURE_MARGIN.top - 14, String(head), { fill: foreground, align: "middle" });
  });
  const [right, bottom] = [
    GRID_PICTURE_MARGIN.left + heads.length * across,
    GRID_PICTURE_MARGIN.top + layers.length * down,
  ];
  brush.text((GRID_PICTURE_MARGIN.left + right) / 2, GRID_PICTURE_MARGIN.top - 36, "head", {
    fill: muted,
    align: "middle",
  });
  brush.text(20, (GRID_PICTURE_MARGIN.top + bottom) / 2, "layer", {
    fill: muted,
    align: "middle",
    turn: -90,
  });
  for (const { first, count } of gridGroups(board.map)) {
    const x = GRID_PICTURE_MARGIN.left + first * across + 2;
    const y = GRID_PICTURE_MARGIN.top - 4;
    brush.line(
      [
        [x, y],
        [x + count * across - 7, y],
      ],
      { stroke: muted },
    );
  }
}

/**
 * @param {Brush} brush
 * @param {Context} context
 * @param {GridBoard} board
 * @param {number} y
 */
function gridPaintScale(brush, context, board, y) {
  const palette = context.palette();
  const { numbers } = board;
  const log = !numbers && context.store.state.scale === "log";
  const top = numbers?.top ?? board.top;
  const pixels = new Uint8ClampedArray(GRID_PICTURE_STRIPES * 4);
  for (let place = 0; place < GRID_PICTURE_STRIPES; place += 1) {
    const share = place / (GRID_PICTURE_STRIPES - 1);
    const color = numbers?.signed ? differenceColor(palette, 1 - 2 * share) : weightColor(palette, share);
    pixels.set([...color, 255], place * 4);
  }
  brush.cells(GRID_PICTURE_MARGIN.left, y, GRID_PICTURE_BAR.width, GRID_PICTURE_BAR.height, {
    columns: GRID_PICTURE_STRIPES,
    rows: 1,
    pixels,
  });
  brush.rect(GRID_PICTURE_MARGIN.left, y, GRID_PICTURE_BAR.width, GRID_PICTURE_BAR.height, {
    stroke: css(rgb(palette.rule)),
    lineWidth: 0.5,
  });
  const style = { fill: palette.foreground, size: 11 };
  const low = numbers?.signed
    ? gridNumberText(-top, true)
    : log
      ? `≤ ${gridNumberText(top / 1000, false)}`
      : "0";
  brush.text(GRID_PICTURE_MARGIN.left, y + 20, low, style);
  const high = gridNumberText(top, numbers?.signed ?? false);
  brush.text(GRID_PICTURE_MARGIN.left + GRID_PICTURE_BAR.width, y + 20, high, { ...style, align: "end" });
  const what = cellsText(board.map);
  const name = numbers?.title ?? (log ? `${what}, logarithmic scale` : what);
  brush.text(GRID_PICTURE_MARGIN.left + GRID_PICTURE_BAR.width + 12, y + GRID_PICTURE_BAR.height / 2, name, {
    ...style,
    fill: palette.muted,
  });
}
