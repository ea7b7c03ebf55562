// The labels of a map's rows and columns, and those of what is pointed at.

import { runText } from "../core/words.js";
import { axisMarks, isRun, labelText } from "./axis.js";
import {
  MAP_AXIS_ROOM,
  MAP_LABEL_GAP,
  MAP_LABEL_SIZE,
  MAP_LEAST_LABEL,
  cellBox,
  foldedLabel,
  isTurned,
} from "./places.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("./places.js").Cell} Cell
 * @typedef {import("./places.js").Look} Look
 * @typedef {import("./places.js").Panel} Panel
 * @typedef {import("./zooming.js").Window} Window
 */

// In less room than this nothing can be read of a text.
const LEAST_CUT = 24;

/**
 * Say how large labels are, with cells of a size.
 * @param {number} cell
 * @returns {number}
 */
export function mapLabelSize(cell) {
  return Math.min(MAP_LABEL_SIZE, Math.max(10, Math.floor(cell - 1.5)));
}

/**
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Look} look
 */
export function paintRowLabels(brush, panel, window, look) {
  const { plot, sheet, rowRoom } = panel;
  const cell = plot.height / window[2];
  const size = mapLabelSize(cell);
  for (const { at, text, label } of axisMarks(sheet.rows, window[0], window[2], cell, MAP_LEAST_LABEL)) {
    const y = cellBox(panel, window, { row: at, column: 0 }).y + cell / 2;
    const style = mapLabelStyle(label, size, look);
    const cut = cutBehindNumber(brush, look, { label, text, room: rowRoom, ...style });
    if (isMapSought(label, look))
      brush.rect(plot.x - MAP_LABEL_GAP - rowRoom - 2, y - 7, rowRoom + 4, 14, mapSoughtStyle(look));
    brush.text(plot.x - MAP_LABEL_GAP, y, cut, { ...style, align: "end" });
  }
}

/**
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Look} look
 */
export function paintColumnLabels(brush, panel, window, look) {
  const { plot, sheet, columnRoom, widest } = panel;
  const cell = plot.width / window[3];
  const turned = isTurned(widest, cell);
  const size = turned ? mapLabelSize(cell) : MAP_LABEL_SIZE;
  for (const { at, text, label } of axisMarks(sheet.columns, window[1], window[3], cell, MAP_LEAST_LABEL)) {
    const x = cellBox(panel, window, { row: 0, column: at }).x + cell / 2;
    const style = mapLabelStyle(label, size, look);
    const cut = cutBehindNumber(brush, look, {
      label,
      text,
      room: turned ? columnRoom : cell - 4,
      ...style,
    });
    if (turned) {
      const bottom = plot.y - MAP_LABEL_GAP - columnRoom - 2;
      if (isMapSought(label, look)) brush.rect(x - 7, bottom, 14, columnRoom + 4, mapSoughtStyle(look));
      brush.text(x, plot.y - MAP_LABEL_GAP, cut, { ...style, turn: -90 });
    } else {
      if (isMapSought(label, look))
        brush.rect(x - cell / 2 + 2, plot.y - MAP_LABEL_GAP - 14, cell - 4, 16, mapSoughtStyle(look));
      brush.text(x, plot.y - MAP_LABEL_GAP - 6, cut, { ...style, align: "middle" });
    }
  }
}

/**
 * Cut a label to its room; of a run the positions stay whole, since they tell most.
 * @param {Brush} brush
 * @param {Look} look
 * @param {{label: Label, text: string, room: number, size: number, bold: boolean}} written
 * @returns {string}
 */
function cutBehindNumber(brush, look, { label, text, room, size, bold }) {
  const cutter = look.cutter(size, bold);
  if (!isRun(label)) return cutter(text, room);
  const number = text.slice(0, text.indexOf(" ") + 1);
  const left = room - brush.measure(number, size, bold);
  return left > LEAST_CUT ? number + cutter(text.slice(number.length), left) : number.trim();
}

/**
 * @param {Label} label
 * @param {number} size
 * @param {Look} look
 * @returns {{fill: string, size: number, bold: boolean}}
 */
function mapLabelStyle(label, size, look) {
  const isMuted = label.kind === "special";
  return {
    fill: isMuted ? look.palette.muted : look.palette.foreground,
    size,
    bold: isMapSought(label, look),
  };
}

/**
 * @param {Label} label
 * @param {Look} look
 * @returns {boolean} whether the reader looks for it
 */
function isMapSought(label, { search }) {
  return search !== "" && foldedLabel(label.text).includes(search);
}

/**
 * @param {Look} look
 */
function mapSoughtStyle({ palette }) {
  return { fill: palette.categories[4], alpha: 0.3, radius: 3 };
}

/**
 * Write the labels of a cell's row and column over all others, in full if there is room.
 * @param {Brush} brush
 * @param {Panel} panel
 * @param {Window} window
 * @param {Partial<Cell>} cell
 * @param {Look} look
 */
export function paintPointedLabels(brush, panel, window, { row, column }, look) {
  const { plot, sheet } = panel;
  const cell = cellBox(panel, window, { row: row ?? 0, column: column ?? 0 });
  if (row !== undefined && panel.rowRoom) {
    const y = Math.min(Math.max(cell.y + cell.height / 2, plot.y), plot.y + plot.height);
    paintMapPill(
      brush,
      sheet.rows[row],
      { x: plot.x - MAP_LABEL_GAP, y, room: panel.rowRoom + 8, turn: 0, align: "end" },
      look,
    );
  }
  if (column === undefined) return;
  const x = Math.min(Math.max(cell.x + cell.width / 2, plot.x), plot.x + plot.width);
  const isUp = isTurned(panel.widest, cell.width);
  const spot = isUp
    ? {
        x,
        y: plot.y - MAP_LABEL_GAP,
        room: panel.columnRoom + MAP_AXIS_ROOM - 6,
        turn: -90,
        align: /** @type {const} */ ("start"),
      }
    : { x, y: plot.y - MAP_LABEL_GAP - 6, room: cell.width, turn: 0, align: /** @type {const} */ ("middle") };
  paintMapPill(brush, sheet.columns[column], spot, look);
}

/**
 * @param {Brush} brush
 * @param {Label} label
 * @param {{x: number, y: number, room: number, turn: number, align: "start"|"middle"|"end"}} spot
 * @param {Look} look
 */
function paintMapPill(brush, label, { x, y, room, turn, align }, look) {
  const { foreground, background } = look.palette;
  const range = label.run && isRun(label) ? `\u200e${runText(label.run)} ` : "";
  const whole = { label, text: range + labelText(label), room, size: MAP_LABEL_SIZE, bold: true };
  const text = cutBehindNumber(brush, look, whole);
  const width = brush.measure(text, MAP_LABEL_SIZE, true) + 8;
  const fill = { fill: foreground, radius: 3 };
  if (turn) brush.rect(x - 8.5, y + 4 - width, 17, width, fill);
  else brush.rect(align === "end" ? x + 4 - width : x - width / 2, y - 8.5, width, 17, fill);
  brush.text(x, y, text, { fill: background, size: MAP_LABEL_SIZE, bold: true, turn, align });
}
