// One map with its labels, painted.

import { inkOn } from "../core/colors.js";
import { differenceText, weightText } from "../core/words.js";
import { paintColumnLabels, paintRowLabels } from "./labels.js";
import { paintGenerated, paintHatching, paintSections } from "./marks.js";
import { MAP_AXIS_ROOM, MAP_LABEL_GAP, MAP_MARGIN_WIDTH, MAP_SMALL_SIZE, cellBox } from "./places.js";
import { croppedCells } from "./sheet.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("./places.js").Look} Look
 * @typedef {import("./places.js").MarginBars} MarginBars
 * @typedef {import("./places.js").Panel} Panel
 * @typedef {import("./zooming.js").Window} Window
 */

// Cells smaller than this hold no number.
const NUMBER_CELL = { width: 27, height: 15 };

/**
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Look} look
 */
export function paintPanel(brush, panel, window, look) {
  const { plot, title } = panel;
  const { palette } = look;
  brush.clip(plot.x, plot.y, plot.width, plot.height, () => {
    paintMapCells(brush, panel, window, look);
    paintHatching(brush, panel, window, palette);
    paintMapNumbers(brush, panel, window, palette);
    paintSections(brush, panel, window, palette);
  });
  brush.rect(plot.x - 0.5, plot.y - 0.5, plot.width + 1, plot.height + 1, { stroke: palette.rule });
  if (panel.rowRoom) paintRowLabels(brush, panel, window, look);
  paintColumnLabels(brush, panel, window, look);
  paintGenerated(brush, panel, window, palette);
  for (const [place, bars] of panel.margins.entries())
    paintMarginBars(brush, panel, window, bars, place, palette);
  const top = plot.y - panel.columnRoom - MAP_LABEL_GAP - MAP_AXIS_ROOM;
  if (title) brush.text(plot.x, top - 6, title, { fill: palette.foreground, size: 14, bold: true });
  const style = { fill: palette.muted, size: MAP_SMALL_SIZE };
  brush.text(plot.x, top + 9, "to (key) →", style);
  if (!panel.rowRoom) return;
  const left = plot.x - MAP_LABEL_GAP - panel.rowRoom - 12;
  brush.text(left, plot.y, "← from (query)", { ...style, align: "end", turn: -90 });
}

/**
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Look} look
 */
function paintMapCells(brush, panel, window, { density, isCropped }) {
  const { sheet } = panel;
  const cell = cellBox(panel, window, { row: 0, column: 0 });
  const high = Math.max(1, Math.ceil(1 / (cell.height * density) - 0.001));
  const wide = Math.max(1, Math.ceil(1 / (cell.width * density) - 0.001));
  const cells = sheet.picture(high, wide);
  const [first, left] = [Math.floor(window[0] / high), Math.floor(window[1] / wide)];
  const [last, right] = [
    Math.ceil((window[0] + window[2]) / high),
    Math.ceil((window[1] + window[3]) / wide),
  ];
  const rows = Math.min(cells.rows, last) - first;
  const columns = Math.min(cells.columns, right) - left;
  const place = isCropped ? cellBox(panel, window, { row: first * high, column: left * wide }) : cell;
  const shown = isCropped ? croppedCells(cells, first, left, rows, columns) : cells;
  const size = { width: shown.columns * wide * cell.width, height: shown.rows * high * cell.height };
  brush.cells(place.x, place.y, size.width, size.height, shown);
}

/**
 * Write each number into its cell, if cells have the room.
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Palette} palette
 */
function paintMapNumbers(brush, panel, window, palette) {
  const { sheet } = panel;
  const { width, height } = cellBox(panel, window, { row: 0, column: 0 });
  if (width < NUMBER_CELL.width || height < NUMBER_CELL.height) return;
  const write = sheet.shading.isDifference ? differenceText : weightText;
  const size = Math.min(12, Math.max(9.5, Math.min(width / 2.9, height * 0.62)));
  eachCellInSight(panel, window, (row, column) => {
    const at = row * sheet.columns.length + column;
    const value = sheet.values[at];
    if (sheet.unseen[at] || sheet.isBlank(value)) return;
    const box = cellBox(panel, window, { row, column });
    const isNothing = Math.abs(value) < 0.005;
    const fill = isNothing ? palette.muted : inkOn(sheet.color(value));
    const text = isNothing ? "·" : write(value);
    brush.text(box.x + width / 2, box.y + height / 2, text, { fill, size, align: "middle" });
  });
}

/**
 * @param {Panel} panel
 * @param {Window} window
 * @param {(row: number, column: number) => void} visit
 */
function eachCellInSight({ sheet }, window, visit) {
  const { rows, columns } = sheet.extent;
  for (let row = Math.floor(window[0]); row < Math.min(rows, window[0] + window[2]); row += 1) {
    for (let column = Math.floor(window[1]); column < Math.min(columns, window[1] + window[3]); column += 1) {
      visit(row, column);
    }
  }
}

/**
 * Draw a bar for each row in sight, its full width the row's whole mass.
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {MarginBars} bars
 * @param {number} place among the margins
 * @param {Palette} palette
 */
function paintMarginBars(brush, panel, window, { name, shares, isHollow }, place, palette) {
  const { plot } = panel;
  const x = plot.x + plot.width + 8 + place * MAP_MARGIN_WIDTH;
  const width = MAP_MARGIN_WIDTH - 12;
  const cell = plot.height / window[2];
  brush.rect(x, plot.y, width, plot.height, { fill: palette.masked, alpha: 0.45 });
  brush.clip(x - 1, plot.y, width + 2, plot.height, () => {
    const last = Math.min(shares.length, Math.ceil(window[0] + window[2]));
    for (let row = Math.floor(window[0]); row < last; row += 1) {
      const y = plot.y + (row - window[0]) * cell;
      const [inset, length] = [cell > 6 ? cell * 0.2 : 0, Math.min(1, shares[row]) * width];
      if (length < 0.25) continue;
      const ink =
        isHollow && cell > 6
          ? { stroke: palette.foreground }
          : { fill: isHollow ? palette.foreground : palette.muted };
      brush.rect(x, y + inset, length, Math.max(cell - 2 * inset, 0.5), ink);
    }
  });
  const style = { fill: palette.muted, size: MAP_SMALL_SIZE };
  if (panel.columnRoom > 34) brush.text(x + width / 2, plot.y - MAP_LABEL_GAP, name, { ...style, turn: -90 });
  else brush.text(x + width / 2, plot.y - MAP_LABEL_GAP - 6, name, { ...style, align: "middle" });
}
