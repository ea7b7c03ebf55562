// What the colours and signs of a map mean: a line of items below it, and more lines where one is too short.

import { LOG_FLOOR, differenceColor, weightColor } from "../core/colors.js";
import { exactText, weightText } from "../core/words.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Cells} Cells
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("./axis.js").Measure} Measure
 * @typedef {import("./sheet.js").Shading} Shading
 */

/**
 * @typedef {object} LegendItem
 * @property {"scale"|"masked"|"hatched"|"dashed"|"bar"|"hollow"|"line"|"blank"|"note"} kind
 * @property {string} text
 * @property {Shading} [shading] of a scale
 */

/**
 * @typedef {object} LegendPlan
 * @property {(LegendItem & {x: number, y: number})[]} items
 * @property {number} height
 */

const LEGEND_SIZE = 11;
const LINE_HEIGHT = 20;
const ITEM_GAP = 20;
const SWATCH = 18;
const BAR_HEIGHT = 10;

/**
 * Place the items of a legend.
 * @param {LegendItem[]} items
 * @param {number} width
 * @param {Measure} measure
 * @returns {LegendPlan}
 */
export function planLegend(items, width, measure) {
  let [x, y] = [0, 0];
  const placed = items.map((item) => {
    const wide = itemWidth(item, width, measure);
    if (x > 0 && x + wide > width) [x, y] = [0, y + LINE_HEIGHT];
    const place = { ...item, x, y };
    x += wide + ITEM_GAP;
    return place;
  });
  return { items: placed, height: items.length ? y + LINE_HEIGHT : 0 };
}

/**
 * @param {LegendItem} item
 * @param {number} width
 * @param {Measure} measure
 * @returns {number}
 */
function itemWidth({ kind, text, shading }, width, measure) {
  const words = measure(text, LEGEND_SIZE);
  if (kind === "note") return words;
  if (kind !== "scale" || !shading) return SWATCH + 6 + words;
  const ends = measure(lowEnd(shading), LEGEND_SIZE) + measure(highEnd(shading), LEGEND_SIZE);
  return barWidth(width) + ends + 20 + words;
}

/**
 * @param {number} width of the legend
 * @returns {number}
 */
function barWidth(width) {
  return Math.min(160, Math.max(70, width * 0.22));
}

/**
 * @param {Brush} brush
 * @param {LegendPlan} plan
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {Palette} palette
 */
export function paintLegend(brush, plan, left, top, width, palette) {
  for (const item of plan.items) {
    const [x, y] = [left + item.x, top + item.y + LINE_HEIGHT / 2];
    const style = { fill: palette.muted, size: LEGEND_SIZE };
    if (item.kind === "note") brush.text(x, y, item.text, style);
    else if (item.kind === "scale") paintScale(brush, item, x, y, width, palette);
    else {
      paintSwatch(brush, item.kind, x, y, palette);
      brush.text(x + SWATCH + 6, y, item.text, style);
    }
  }
}

/**
 * @param {Brush} brush
 * @param {LegendItem} item
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {Palette} palette
 */
function paintScale(brush, { shading, text }, x, y, width, palette) {
  if (!shading) return;
  const bar = barWidth(width);
  const style = { fill: palette.muted, size: LEGEND_SIZE };
  const low = lowEnd(shading);
  const high = highEnd(shading);
  const start = x + brush.measure(low, LEGEND_SIZE) + 6;
  brush.text(x, y, low, style);
  brush.cells(start, y - BAR_HEIGHT / 2, bar, BAR_HEIGHT, scaleCells(shading, Math.round(bar)));
  brush.rect(start, y - BAR_HEIGHT / 2, bar, BAR_HEIGHT, { stroke: palette.rule });
  brush.text(start + bar + 6, y, high, { ...style, fill: palette.foreground });
  brush.text(start + bar + 12 + brush.measure(high, LEGEND_SIZE), y, text, style);
}

/**
 * Give the colours of a scale, from its low end to its high one.
 * @param {Shading} shading
 * @param {number} columns
 * @returns {Cells}
 */
export function scaleCells({ palette, isDifference }, columns) {
  const pixels = new Uint8ClampedArray(columns * 4);
  for (let column = 0; column < columns; column += 1) {
    const share = column / Math.max(1, columns - 1);
    const color = isDifference ? differenceColor(palette, 2 * share - 1) : weightColor(palette, share);
    pixels.set([...color.map(Math.round), 255], column * 4);
  }
  return { rows: 1, columns, pixels };
}

/**
 * @param {Shading} shading
 * @returns {string} what a scale's first colour stands for
 */
function lowEnd({ isDifference, top, scale }) {
  if (isDifference) return `−${weightText(top)}`;
  return scale === "log" && top > 0 ? `≤ ${exactText(top * LOG_FLOOR)}` : "0";
}

/**
 * @param {Shading} shading
 * @returns {string} what its last colour stands for
 */
function highEnd({ isDifference, top }) {
  return `${isDifference ? "+" : ""}${weightText(top)}`;
}

/**
 * @param {Brush} brush
 * @param {LegendItem["kind"]} kind
 * @param {number} x
 * @param {number} y its middle
 * @param {Palette} palette
 */
function paintSwatch(brush, kind, x, y, palette) {
  const [top, high] = [y - 5, 10];
  const { masked, hatch, foreground, muted, rule, background } = palette;
  if (kind === "masked" || kind === "hatched") brush.rect(x, top, SWATCH, high, { fill: masked, stroke: rule });
  if (kind === "hatched") {
    for (let at = 2; at < SWATCH - 2; at += 5) {
      brush.line([[x + at, y + 5], [x + Math.min(SWATCH, at + 8), y - 4]], { stroke: hatch }); // prettier-ignore
    }
  }
  if (kind === "dashed") brush.line([[x, y], [x + SWATCH, y]], { stroke: foreground, lineWidth: 1.2, dash: [4, 3] }); // prettier-ignore
  if (kind === "line") brush.rect(x + SWATCH / 2, y - 6, 2, 12, { fill: foreground });
  if (kind === "bar") brush.rect(x, y - 3, SWATCH, 6, { fill: muted });
  if (kind === "hollow") brush.rect(x, y - 3, SWATCH, 6, { stroke: foreground });
  if (kind === "blank") brush.rect(x, top, SWATCH, high, { fill: background, stroke: rule });
}
