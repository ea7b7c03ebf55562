// What is drawn over the cells of a map: windows hatched, where sections begin, what is pointed at and picked.

import { cellBox } from "./places.js";
import { OUTSIDE } from "./sheet.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("./places.js").Box} Box
 * @typedef {import("./places.js").Cell} Cell
 * @typedef {import("./places.js").Panel} Panel
 * @typedef {import("./zooming.js").Window} Window
 */

const HATCH_APART = 7;
const LEAST_CROSS = 6;
const BORDER_DASHES = [4, 3];

/**
 * Hatch the cells whose keys lie outside a window: slanted lines over all of the map, drawn where they cross one.
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Palette} palette
 */
export function paintHatching(brush, { plot, sheet }, window, palette) {
  if (!sheet.isHatched) return;
  const [wide, high] = [window[3] / plot.width, window[2] / plot.height];
  const columns = sheet.columns.length;
  const isOutside = (/** @type {number} */ x, /** @type {number} */ y) => {
    const row = Math.min(sheet.rows.length - 1, Math.floor(window[0] + y * high));
    const column = Math.min(columns - 1, Math.floor(window[1] + x * wide));
    return sheet.unseen[row * columns + column] === OUTSIDE;
  };
  for (let sum = HATCH_APART / 2; sum < plot.width + plot.height; sum += HATCH_APART) {
    for (const [from, to] of slantedRuns(plot, sum, isOutside)) {
      const ends = /** @type {[number, number][]} */ ([from, to].map((x) => [plot.x + x, plot.y + sum - x]));
      brush.line(ends, { stroke: palette.hatch, lineWidth: 0.8 });
    }
  }
}

/**
 * Follow a line from the lower left to the upper right, and give where it runs over what is asked for.
 * @param {Box} plot
 * @param {number} sum of both coordinates, the same all along
 * @param {(x: number, y: number) => boolean} isWanted
 * @returns {[number, number][]} first and last x
 */
function slantedRuns({ width, height }, sum, isWanted) {
  /** @type {[number, number][]} */
  const runs = [];
  let start = -1;
  const [first, last] = [Math.max(0, sum - height), Math.min(width, sum)];
  for (let x = first; x <= last; x += 1) {
    const isOn = isWanted(x, Math.min(height, sum - x));
    if (isOn && start < 0) start = x;
    if (!isOn && start >= 0) {
      runs.push([start, x]);
      start = -1;
    }
  }
  if (start >= 0) runs.push([start, last]);
  return runs;
}

/**
 * Find where sections of a side begin: what the model wrote, and the parts of an input.
 * @param {Label[]} labels
 * @returns {{at: number, isBorder: boolean}[]} `isBorder` where the model's own words begin
 */
export function sectionStarts(labels) {
  const border = labels.findIndex(({ kind }) => kind === "generated");
  const named = labels
    .map((label, at) => ({ ...label, at }))
    .filter(({ part, kind }) => part || kind !== "special");
  const starts = named
    .filter(({ part }, place) => place > 0 && part !== named[place - 1].part)
    .map(({ at }) => ({ at, isBorder: at === border }));
  const isTold = border <= 0 || starts.some(({ isBorder }) => isBorder);
  return isTold ? starts : [...starts, { at: border, isBorder: true }];
}

/**
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Palette} palette
 */
export function paintSections(brush, panel, window, palette) {
  const { plot, sheet } = panel;
  /** @type {(points: [number, number][], isBorder: boolean) => void} */
  const stroke = (points, isBorder) => {
    if (!isBorder) return brush.line(points, { stroke: palette.muted });
    // Dashes on a wider line of the background's colour show on every cell.
    brush.line(points, { stroke: palette.background, lineWidth: 3 });
    brush.line(points, { stroke: palette.foreground, lineWidth: 1.2, dash: BORDER_DASHES });
  };
  for (const { at, isBorder } of sectionStarts(sheet.rows)) {
    const { y } = cellBox(panel, window, { row: at, column: 0 });
    stroke([[plot.x, y], [plot.x + plot.width, y]], isBorder); // prettier-ignore
  }
  for (const { at, isBorder } of sectionStarts(sheet.columns)) {
    const { x } = cellBox(panel, window, { row: 0, column: at });
    stroke([[x, plot.y], [x, plot.y + plot.height]], isBorder); // prettier-ignore
  }
}

/**
 * Mark the rows and columns of what the model wrote by a line beside their labels.
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Palette} palette
 */
export function paintGenerated(brush, panel, window, palette) {
  const { plot, sheet } = panel;
  const [first, last] = generatedSpan(sheet.rows);
  const [left, right] = generatedSpan(sheet.columns);
  const start = cellBox(panel, window, { row: first, column: left });
  const stop = cellBox(panel, window, { row: last, column: right });
  const fill = { fill: palette.foreground };
  brush.clip(plot.x - 5, plot.y, 5, plot.height, () => {
    if (panel.rowRoom && last > first) brush.rect(plot.x - 5, start.y + 1, 2, stop.y - start.y - 2, fill);
  });
  brush.clip(plot.x, plot.y - 5, plot.width, 5, () => {
    if (right > left) brush.rect(start.x + 1, plot.y - 5, stop.x - start.x - 2, 2, fill);
  });
}

/**
 * @param {Label[]} labels
 * @returns {[number, number]} the first generated one, and the one behind the last
 */
function generatedSpan(labels) {
  const first = labels.findIndex(({ kind }) => kind === "generated");
  return first < 0 ? [0, 0] : [first, labels.findLastIndex(({ kind }) => kind === "generated") + 1];
}

/**
 * Light a row and a column: lines on both sides that show on every colour.
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Partial<Cell>} cell
 * @param {Palette} palette
 * @param {number} lineWidth
 */
export function paintCross(brush, panel, window, { row, column }, palette, lineWidth) {
  const { plot } = panel;
  const box = widened(cellBox(panel, window, { row: row ?? 0, column: column ?? 0 }));
  const band = (
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {number} */ w,
    /** @type {number} */ h,
  ) => {
    brush.rect(x, y, w, h, { stroke: palette.background, lineWidth: lineWidth + 2, alpha: 0.75 });
    brush.rect(x, y, w, h, { stroke: palette.foreground, lineWidth });
  };
  brush.clip(plot.x - 1, plot.y - 1, plot.width + 2, plot.height + 2, () => {
    if (row !== undefined) band(plot.x, box.y, plot.width, box.height);
    if (column !== undefined) band(box.x, plot.y, box.width, plot.height);
    if (row !== undefined && column !== undefined) {
      band(box.x, box.y, box.width, box.height);
      brush.rect(box.x, box.y, box.width, box.height, {
        stroke: palette.foreground,
        lineWidth: lineWidth + 1,
      });
    }
  });
}

/**
 * Keep the lines around a small cell off it.
 * @param {Box} box
 * @returns {Box}
 */
function widened({ x, y, width, height }) {
  const [across, down] = [Math.max(0, LEAST_CROSS - width) / 2, Math.max(0, LEAST_CROSS - height) / 2];
  return { x: x - across, y: y - down, width: width + 2 * across, height: height + 2 * down };
}

/**
 * Draw all of a map, small, with a frame around what is in sight.
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Box} box
 * @param {Palette} palette
 */
export function paintOverview(brush, { sheet }, window, box, palette) {
  const { rows, columns } = sheet.extent;
  const scale = Math.min(box.width / columns, box.height / rows);
  const [width, height] = [Math.max(2, columns * scale), Math.max(2, rows * scale)];
  const [x, y] = [box.x + box.width - width, box.y + box.height - height];
  const [high, wide] = [Math.ceil(rows / height), Math.ceil(columns / width)];
  const cells = sheet.picture(high, wide);
  brush.clip(x, y, width, height, () => {
    brush.cells(
      x,
      y,
      ((cells.columns * wide) / columns) * width,
      ((cells.rows * high) / rows) * height,
      cells,
    );
  });
  brush.rect(x - 0.5, y - 0.5, width + 1, height + 1, { stroke: palette.rule });
  const seen = {
    x: x + (window[1] / columns) * width,
    y: y + (window[0] / rows) * height,
    width: (window[3] / columns) * width,
    height: (window[2] / rows) * height,
  };
  brush.rect(seen.x, seen.y, seen.width, seen.height, { stroke: palette.background, lineWidth: 4 });
  brush.rect(seen.x, seen.y, seen.width, seen.height, { stroke: palette.foreground, lineWidth: 2 });
}
