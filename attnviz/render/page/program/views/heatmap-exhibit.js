// What a heatmap shows of a head: its cells, the bars at its side, and what explains them.

import { exactText, percentText, weightText } from "../core/words.js";
import { LATER, OUTSIDE, Sheet, largestOf } from "../parts/sheet.js";

/**
 * @typedef {import("../core/types.js").Matrix} Matrix
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../parts/legend.js").LegendItem} LegendItem
 * @typedef {import("../parts/places.js").MarginBars} MarginBars
 * @typedef {import("../parts/scene.js").Exhibit} Exhibit
 * @typedef {import("../parts/sheet.js").SheetContent} SheetContent
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 */

// A share of mass too small to be seen as a bar is what rounding leaves.
const HEATMAP_LEAST_MASS = 0.005;

/** @type {WeakMap<ShownMatrix, Map<string, Sheet>>} */
const heatmapSheets = new WeakMap();

/**
 * @param {Page} page
 * @param {AttentionMap} map
 * @param {ShownMatrix} matrix
 * @param {State} state
 * @param {Palette} palette
 * @returns {Exhibit}
 */
export function heatmapExhibit(page, map, matrix, state, palette) {
  const sheet = heatmapSheet(matrix, state, palette);
  const margins = heatmapMargins(map, matrix, state);
  const scale = {
    kind: /** @type {const} */ ("scale"),
    text: heatmapScaleText(sheet, state.head, map),
    shading: sheet.shading,
  };
  const title = page.maps.length > 1 ? `${state.head} · ${map.facts.title}` : state.head;
  return {
    entries: [{ sheet, title: "", margins }],
    legend: [
      scale,
      ...maskItems(matrix),
      ...sectionItems(matrix),
      ...heatmapMarginItems(margins),
      ...blankItems(state.threshold),
    ],
    title,
    summary: `${matrix.rows.length} queries, ${matrix.columns.length} keys`,
  };
}

/**
 * Give a matrix its colours; the same ones as before as long as nothing changes them.
 * @param {ShownMatrix} matrix
 * @param {State} state
 * @param {Palette} palette
 * @returns {Sheet}
 */
function heatmapSheet(matrix, { scale, threshold }, palette) {
  const known = heatmapSheets.get(matrix) ?? new Map();
  heatmapSheets.set(matrix, known);
  const name = `${scale} ${threshold} ${palette.dark}`;
  const top = largestOf(matrix.values);
  const sheet = known.get(name) ?? new Sheet(matrix, { palette, isDifference: false, top, scale, threshold });
  known.clear();
  known.set(name, sheet);
  return sheet;
}

/**
 * @param {Sheet} sheet
 * @param {string} head
 * @param {AttentionMap} map
 * @returns {string}
 */
function heatmapScaleText({ shading }, head, map) {
  const { top, scale } = shading;
  const what = cellsText(map);
  const told = map.facts.pooling
    ? `${what}; ${pooledWeightText(top)}`
    : `${what}, · below .005; ${weightText(top)}`;
  const most = top > 0 ? `${told} is the largest of ${head}` : `${what}; all of ${head} is 0`;
  return scale === "log" ? `${most}; logarithmic` : most;
}

/**
 * Say what a map's cells are.
 * @param {AttentionMap} map
 * @returns {string}
 */
export function cellsText({ facts: { pooling } }) {
  return pooling ? `cell ${pooling.statistic}` : "weight";
}

/**
 * Write the end of a scale: means of many weights may be so small that two digits would be 0.
 * @param {number} top
 * @returns {string}
 */
export function pooledWeightText(top) {
  return top < 0.005 ? exactText(top) : weightText(top);
}

/**
 * @param {AttentionMap} map
 * @param {Matrix} matrix
 * @param {State} state
 * @returns {MarginBars[]}
 */
function heatmapMargins(map, { hidden, lost }, { head }) {
  const { layers, sinks } = map.facts;
  const isSink = sinks.includes(layers[map.find(head)?.layer ?? 0]);
  const bars = [
    { name: "hidden", shares: hidden, isHollow: false, about: "on hidden tokens" },
    {
      name: isSink ? "sink" : "left out",
      shares: lost,
      isHollow: true,
      about: isSink ? "on the head's learned sink" : "on keys left out before",
    },
  ];
  return bars.filter(({ shares }) => largestOf(shares) > HEATMAP_LEAST_MASS);
}

/**
 * @param {MarginBars[]} margins
 * @returns {LegendItem[]}
 */
function heatmapMarginItems(margins) {
  return margins.map(({ about, shares, isHollow }) => {
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    return { kind: isHollow ? "hollow" : "bar", text: `mass ${about}: ${percentText(mean)} on average` };
  });
}

/**
 * @param {SheetContent} content
 * @returns {LegendItem[]}
 */
export function maskItems({ unseen }) {
  /** @type {LegendItem[]} */
  const items = [];
  if (unseen.includes(LATER)) items.push({ kind: "masked", text: "later keys, which the query cannot see" });
  if (unseen.includes(OUTSIDE)) items.push({ kind: "hatched", text: "keys outside the query's window" });
  return items;
}

/**
 * @param {{rows: import("../core/types.js").Label[], columns: import("../core/types.js").Label[]}} content
 * @returns {LegendItem[]}
 */
export function sectionItems({ rows, columns }) {
  const isGenerated = [...rows, ...columns].some(({ kind }) => kind === "generated");
  return isGenerated ? [{ kind: "line", text: "what the model wrote" }] : [];
}

/**
 * @param {number} threshold
 * @returns {LegendItem[]}
 */
export function blankItems(threshold) {
  return threshold > 0 ? [{ kind: "blank", text: `below ${weightText(threshold)}, not drawn` }] : [];
}
