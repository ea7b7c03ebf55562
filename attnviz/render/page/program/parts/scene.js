// Maps beside or below each other, with one legend: laid out for a place of some size, and painted.

import { planLegend, paintLegend } from "./legend.js";
import { paintOverview } from "./marks.js";
import { paintPanel } from "./panel.js";
import {
  MAP_AXIS_ROOM,
  MAP_LABEL_GAP,
  MAP_MARGIN_WIDTH,
  MAP_TITLE_ROOM,
  isTurned,
  labelRooms,
  plotSize,
} from "./places.js";
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

const SCENE_AXIS_LEFT = 18;
const SCENE_PANEL_GAP = 28;
const SCENE_LEGEND_GAP = 10;
const SCENE_LEGEND_LEAST = 440;
const SCENE_LEAST_PLOT = 210;
const SCENE_FLAT_LABELS = 18;
const SCENE_LEAST_HEIGHT = 150;

/**
 * Lay maps out: beside each other where they are large enough so, else below each other.
 * @param {Exhibit} exhibit
 * @param {Room} room maps below each other may need more height
 * @param {Measure} measure
 * @returns {Scene}
 */
export function planScene(exhibit, room, measure) {
  const { entries } = exhibit;
  const across =
    entries.length === 1 || scenePlotRoom(exhibit, room, measure, entries.length) >= SCENE_LEAST_PLOT;
  const legend = planLegend(exhibit.legend, room.width - 4, measure);
  const below = legend.height ? SCENE_LEGEND_GAP + legend.height : 0;
  const inner = { ...room, height: room.height - below };
  const panels = across ? sceneInRow(exhibit, inner, measure) : sceneInColumn(exhibit, inner, measure);
  const right = Math.max(...panels.map(sceneRightEdge));
  const bottom = Math.max(...panels.map(({ plot }) => plot.y + plot.height)) + 2;
  const width = Math.min(room.width, Math.max(right, Math.min(room.width, SCENE_LEGEND_LEAST)));
  const final = planLegend(exhibit.legend, width - 4, measure);
  const { plot, rowRoom, columnRoom } = panels[0];
  const top = room.top + (panels[0].title ? MAP_TITLE_ROOM : 0);
  return {
    panels,
    legend: final,
    legendBox: { x: 2, y: bottom + SCENE_LEGEND_GAP, width, height: final.height },
    corner: {
      x: SCENE_AXIS_LEFT,
      y: top + 2,
      width: rowRoom,
      height: plot.y - MAP_LABEL_GAP - top - 2 - (columnRoom < 30 ? 0 : 4),
    },
    width,
    height: bottom + (final.height ? SCENE_LEGEND_GAP + final.height : 0),
  };
}

/**
 * @param {Panel} panel
 * @returns {number}
 */
function sceneRightEdge({ plot, margins }) {
  return plot.x + plot.width + (margins.length ? margins.length * MAP_MARGIN_WIDTH + 2 : 2);
}

/**
 * Say how wide a map can be with so many beside each other.
 * @param {Exhibit} exhibit
 * @param {Room} room
 * @param {Measure} measure
 * @param {number} count
 * @returns {number}
 */
function scenePlotRoom({ entries }, room, measure, count) {
  const rooms = labelRooms(entries[0].sheet, room, measure);
  const margins = Math.max(...entries.map((entry) => entry.margins.length)) * MAP_MARGIN_WIDTH;
  const taken =
    SCENE_AXIS_LEFT + rooms.rows + MAP_LABEL_GAP + (count - 1) * SCENE_PANEL_GAP + count * margins + 2;
  return (room.width - taken) / count;
}

/**
 * @param {Exhibit} exhibit
 * @param {Room} room
 * @param {Measure} measure
 * @returns {Panel[]}
 */
function sceneInRow(exhibit, room, measure) {
  const { entries } = exhibit;
  const rooms = labelRooms(entries[0].sheet, room, measure);
  const width = scenePlotRoom(exhibit, room, measure, entries.length);
  const shape = sceneShape(entries[0], width, room.height, rooms.columns);
  let x = SCENE_AXIS_LEFT + rooms.rows + MAP_LABEL_GAP;
  return entries.map((entry, place) => {
    const plot = { x, y: room.top + shape.top, width: shape.width, height: shape.height };
    x += shape.width + SCENE_PANEL_GAP + entry.margins.length * MAP_MARGIN_WIDTH;
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
function sceneInColumn(exhibit, room, measure) {
  const { entries } = exhibit;
  const rooms = labelRooms(entries[0].sheet, room, measure);
  const width = scenePlotRoom(exhibit, room, measure, 1);
  // Each is as wide as the place; it may be higher than that only if its cells are few.
  const shape = sceneShape(
    entries[0],
    width,
    Math.max(room.height, width + SCENE_LEAST_HEIGHT),
    rooms.columns,
  );
  let { top } = room;
  return entries.map((entry) => {
    const x = SCENE_AXIS_LEFT + rooms.rows + MAP_LABEL_GAP;
    const plot = { x, y: top + shape.top, width: shape.width, height: shape.height };
    top += shape.top + shape.height + SCENE_PANEL_GAP;
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
function sceneShape({ sheet, title }, width, height, widest) {
  const { extent } = sheet;
  const above = (title ? MAP_TITLE_ROOM : 0) + MAP_AXIS_ROOM + MAP_LABEL_GAP;
  const sized = (/** @type {number} */ columnRoom) => {
    const size = plotSize(extent, width, Math.max(height - above - columnRoom - 4, SCENE_LEAST_HEIGHT));
    return { ...size, top: above + columnRoom, columnRoom };
  };
  const flat = sized(SCENE_FLAT_LABELS);
  return isTurned(widest, flat.width / extent.columns) ? sized(Math.max(widest, SCENE_FLAT_LABELS)) : flat;
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
