// What the colours and signs of a map mean: a line of items below it, and more lines where one is too short.

import { differenceColor, endOfLog, weightColor } from "../core/colors.js";
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
const LEGEND_LINE = 20;
const LEGEND_ITEM_GAP = 20;
const LEGEND_SWATCH = 18;
const LEGEND_BAR = 10;

/**
 * Place the items of a legend.
 * @param {LegendItem[]} items
 * @param {number} width
 * @param {Measure} measure
 * @returns {LegendPlan}
 */
export function planLegend(items, width, measure) {
  let [x, y] = [0, 0];
  const parts = items.flatMap((item) => splitLegendItem(item, width, measure));
  const placed = parts.map((item) => {
    const wide = legendItemWidth(item, width, measure);
    if (x > 0 && x + wide > width) [x, y] = [0, y + LEGEND_LINE];
    const place = { ...item, x, y };
    x += wide + LEGEND_ITEM_GAP;
    return place;
  });
  return { items: placed, height: items.length ? y + LEGEND_LINE : 0 };
}

/**
 * Part a scale from its words where one line has no room for both.
 * @param {LegendItem} item
 * @param {number} width
 * @param {Measure} measure
 * @returns {LegendItem[]}
 */
function splitLegendItem(item, width, measure) {
  const fits = item.kind !== "scale" || legendItemWidth(item, width, measure) <= width;
  return fits
    ? [item]
    : [
        { ...item, text: "" },
        { kind: "note", text: item.text },
      ];
}

/**
 * @param {LegendItem} item
 * @param {number} width
 * @param {Measure} measure
 * @returns {number}
 */
function legendItemWidth({ kind, text, shading }, width, measure) {
  const words = measure(text, LEGEND_SIZE);
  if (kind === "note") return words;
  if (kind !== "scale" || !shading) return LEGEND_SWATCH + 6 + words;
  const ends = measure(scaleLowEnd(shading), LEGEND_SIZE) + measure(scaleHighEnd(shading), LEGEND_SIZE);
  return legendBarWidth(width) + ends + 12 + (words && words + 8);
}

/**
 * @param {number} width of the legend
 * @returns {number}
 */
function legendBarWidth(width) {
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
    const [x, y] = [left + item.x, top + item.y + LEGEND_LINE / 2];
    const style = { fill: palette.muted, size: LEGEND_SIZE };
    if (item.kind === "note") brush.text(x, y, item.text, style);
    else if (item.kind === "scale") paintLegendScale(brush, item, x, y, width, palette);
    else {
      paintLegendSwatch(brush, item.kind, x, y, palette);
      brush.text(x + LEGEND_SWATCH + 6, y, item.text, style);
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
function paintLegendScale(brush, { shading, text }, x, y, width, palette) {
  if (!shading) return;
  const bar = legendBarWidth(width);
  const style = { fill: palette.muted, size: LEGEND_SIZE };
  const low = scaleLowEnd(shading);
  const high = scaleHighEnd(shading);
  const start = x + brush.measure(low, LEGEND_SIZE) + 6;
  brush.text(x, y, low, style);
  brush.cells(start, y - LEGEND_BAR / 2, bar, LEGEND_BAR, scaleCells(shading, Math.round(bar)));
  brush.rect(start, y - LEGEND_BAR / 2, bar, LEGEND_BAR, { stroke: palette.rule });
  brush.text(start + bar + 6, y, high, { ...style, fill: palette.foreground });
  brush.text(start + bar + 14 + brush.measure(high, LEGEND_SIZE), y, text, style);
}

/** @type {WeakMap<Shading, Cells>} */
const legendScales = new WeakMap();

/**
 * Give the colours of a scale, from its low end to its high one.
 * @param {Shading} shading
 * @param {number} columns
 * @returns {Cells}
 */
export function scaleCells(shading, columns) {
  const known = legendScales.get(shading);
  if (known?.columns === columns) return known;
  const { palette, isDifference } = shading;
  const pixels = new Uint8ClampedArray(columns * 4);
  for (let column = 0; column < columns; column += 1) {
    const share = column / Math.max(1, columns - 1);
    const color = isDifference ? differenceColor(palette, 2 * share - 1) : weightColor(palette, share);
    pixels.set([...color.map(Math.round), 255], column * 4);
  }
  const cells = { rows: 1, columns, pixels };
  legendScales.set(shading, cells);
  return cells;
}

/**
 * @param {Shading} shading
 * @returns {string} what a scale's first colour stands for
 */
function scaleLowEnd({ isDifference, top, scale }) {
  if (isDifference) return `−${weightText(top)}`;
  return scale === "log" && top > 0 ? `≤ ${exactText(top * endOfLog())}` : "0";
}

/**
 * @param {Shading} shading
 * @returns {string} what its last colour stands for
 */
function scaleHighEnd({ isDifference, top }) {
  return `${isDifference ? "+" : ""}${weightText(top)}`;
}

/**
 * @param {Brush} brush
 * @param {LegendItem["kind"]} kind
 * @param {number} x
 * @param {number} y its middle
 * @param {Palette} palette
 */
function paintLegendSwatch(brush, kind, x, y, palette) {
  const [top, high] = [y - 5, 10];
  const { masked, hatch, foreground, muted, rule, background } = palette;
  if (kind === "masked" || kind === "hatched")
    brush.rect(x, top, LEGEND_SWATCH, high, { fill: masked, stroke: rule });
  if (kind === "hatched") {
    for (let at = 2; at < LEGEND_SWATCH - 2; at += 5) {
      brush.line([[x + at, y + 5], [x + Math.min(LEGEND_SWATCH, at + 8), y - 4]], { stroke: hatch }); // prettier-ignore
    }
  }
  if (kind === "dashed") brush.line([[x, y], [x + LEGEND_SWATCH, y]], { stroke: foreground, lineWidth: 1.2, dash: [4, 3] }); // prettier-ignore
  if (kind === "line") brush.rect(x + LEGEND_SWATCH / 2, y - 6, 2, 12, { fill: foreground });
  if (kind === "bar") brush.rect(x, y - 3, LEGEND_SWATCH, 6, { fill: muted });
  if (kind === "hollow") brush.rect(x, y - 3, LEGEND_SWATCH, 6, { stroke: foreground });
  if (kind === "blank") brush.rect(x, top, LEGEND_SWATCH, high, { fill: background, stroke: rule });
}
