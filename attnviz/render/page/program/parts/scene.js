// Maps beside or below each other, with one legend: laid out for a place of some size, and painted.

import { planLegend, paintLegend } from "./legend.js";
import { paintOverview } from "./marks.js";
import { paintPanel } from "./panel.js";
import { AXIS_ROOM, LABEL_GAP, MARGIN_WIDTH, TITLE_ROOM, isTurned, labelRooms, plotSize } from "./places.js";
import { isWhole } from "./zooming.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("./axis.js").Measure} Measure
 * @typedef {import("./legend.js").LegendItem} LegendItem
 * @typedef {import("./legend.js").LegendPlan} LegendPlan
 * @typedef {import("./places.js").Box} Box
 * @typedef {import("./places.js").Look} Look
 * @typedef {import("./places.js").MarginBars} MarginBars
 * @typedef {import("./places.js").Panel} Panel
 * @typedef {import("./sheet.js").Sheet} Sheet
 * @typedef {import("./zooming.js").Window} Window
 * @typedef {{width: number, height: number, top: number}} Room `top` stays free above
 */

/**
 * What is to be seen: maps of the same rows and columns.
 * @typedef {object} Exhibit
 * @property {{sheet: Sheet, title: string, margins: MarginBars[]}[]} entries
 * @property {LegendItem[]} legend
 * @property {string} title which head
 * @property {string} subtitle of what text
 * @property {string} summary how many rows and columns, for those who hear it
 */

/**
 * Where everything is.
 * @typedef {object} Scene
 * @property {Panel[]} panels
 * @property {LegendPlan} legend
 * @property {Box} legendBox
 * @property {Box} corner free for an overview
 * @property {number} width
 * @property {number} height
 */

const AXIS_LEFT = 18;
const PANEL_GAP = 28;
const LEGEND_GAP = 10;
const LEGEND_LEAST = 440;
const LEAST_PLOT = 210;
const FLAT_LABELS = 18;
const LEAST_ROWS = 150;

/**
 * Lay maps out: beside each other where they are large enough so, else below each other.
 * @param {Exhibit} exhibit
 * @param {Room} room maps below each other may need more height
 * @param {Measure} measure
 * @returns {Scene}
 */
export function planScene(exhibit, room, measure) {
  const { entries } = exhibit;
  const across = entries.length === 1 || plotRoom(exhibit, room, measure, entries.length) >= LEAST_PLOT;
  const legend = planLegend(exhibit.legend, room.width, measure);
  const below = legend.height ? LEGEND_GAP + legend.height : 0;
  const inner = { ...room, height: room.height - below };
  const panels = across ? inRow(exhibit, inner, measure) : inColumn(exhibit, inner, measure);
  const right = Math.max(...panels.map(rightEdge));
  const bottom = Math.max(...panels.map(({ plot }) => plot.y + plot.height)) + 2;
  const width = Math.min(room.width, Math.max(right, Math.min(room.width, LEGEND_LEAST)));
  const final = planLegend(exhibit.legend, width, measure);
  const { plot, rowRoom, columnRoom } = panels[0];
  const top = room.top + (panels[0].title ? TITLE_ROOM : 0);
  return {
    panels,
    legend: final,
    legendBox: { x: 2, y: bottom + LEGEND_GAP, width, height: final.height },
    corner: { x: AXIS_LEFT, y: top + 2, width: rowRoom, height: plot.y - LABEL_GAP - top - 2 - (columnRoom < 30 ? 0 : 4) },
    width,
    height: bottom + (final.height ? LEGEND_GAP + final.height : 0),
  };
}

/**
 * @param {Panel} panel
 * @returns {number}
 */
function rightEdge({ plot, margins }) {
  return plot.x + plot.width + (margins.length ? margins.length * MARGIN_WIDTH + 2 : 2);
}

/**
 * Say how wide a map can be with so many beside each other.
 * @param {Exhibit} exhibit
 * @param {Room} room
 * @param {Measure} measure
 * @param {number} count
 * @returns {number}
 */
function plotRoom({ entries }, room, measure, count) {
  const rooms = labelRooms(entries[0].sheet, room, measure);
  const margins = Math.max(...entries.map((entry) => entry.margins.length)) * MARGIN_WIDTH;
  const taken = AXIS_LEFT + rooms.rows + LABEL_GAP + (count - 1) * PANEL_GAP + count * margins + 2;
  return (room.width - taken) / count;
}

/**
 * @param {Exhibit} exhibit
 * @param {Room} room
 * @param {Measure} measure
 * @returns {Panel[]}
 */
function inRow(exhibit, room, measure) {
  const { entries } = exhibit;
  const rooms = labelRooms(entries[0].sheet, room, measure);
  const width = plotRoom(exhibit, room, measure, entries.length);
  const shape = shapeOf(entries[0], width, room.height, rooms.columns);
  let x = AXIS_LEFT + rooms.rows + LABEL_GAP;
  return entries.map((entry, place) => {
    const plot = { x, y: room.top + shape.top, width: shape.width, height: shape.height };
    x += shape.width + PANEL_GAP + entry.margins.length * MARGIN_WIDTH;
    const rowRoom = place ? 0 : rooms.rows;
    return { ...entry, plot, rowRoom, columnRoom: shape.columnRoom, widest: rooms.columns };
  });
}

/**
 * @param {Exhibit} exhibit
 * @param {Room} room
 * @param {Measure} measure
 * @returns {Panel[]}
 */
function inColumn(exhibit, room, measure) {
  const { entries } = exhibit;
  const rooms = labelRooms(entries[0].sheet, room, measure);
  const width = plotRoom(exhibit, room, measure, 1);
  // Each is as wide as the place; it may be higher than that only if its cells are few.
  const shape = shapeOf(entries[0], width, Math.max(room.height, width + LEAST_ROWS), rooms.columns);
  let { top } = room;
  return entries.map((entry) => {
    const x = AXIS_LEFT + rooms.rows + LABEL_GAP;
    const plot = { x, y: top + shape.top, width: shape.width, height: shape.height };
    top += shape.top + shape.height + PANEL_GAP;
    return { ...entry, plot, rowRoom: rooms.rows, columnRoom: shape.columnRoom, widest: rooms.columns };
  });
}

/**
 * Find the size of a map with its column labels above: level if they fit, else turned.
 * @param {Exhibit["entries"][0]} entry
 * @param {number} width
 * @param {number} height
 * @param {number} widest column label
 * @returns {{width: number, height: number, top: number, columnRoom: number}} `top`: where the cells begin
 */
function shapeOf({ sheet, title }, width, height, widest) {
  const { extent } = sheet;
  const above = (title ? TITLE_ROOM : 0) + AXIS_ROOM + LABEL_GAP;
  const sized = (/** @type {number} */ columnRoom) => {
    const size = plotSize(extent, width, Math.max(height - above - columnRoom - 4, LEAST_ROWS));
    return { ...size, top: above + columnRoom, columnRoom };
  };
  const flat = sized(FLAT_LABELS);
  return isTurned(widest, flat.width / extent.columns) ? sized(Math.max(widest, FLAT_LABELS)) : flat;
}

/**
 * @param {Brush} brush
 * @param {Scene} scene
 * @param {Window} window
 * @param {Look} look
 */
export function paintScene(brush, scene, window, look) {
  for (const panel of scene.panels) paintPanel(brush, panel, window, look);
  const { x, y, width } = scene.legendBox;
  paintLegend(brush, scene.legend, x, y, width, look.palette);
  const [{ sheet }] = scene.panels;
  if (isWhole(window, sheet.extent)) return;
  paintOverview(brush, scene.panels[0], window, scene.corner, look.palette);
}
