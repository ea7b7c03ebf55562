// What a comparison shows: both heads on one scale, and the second minus the first on another.

import { weightText } from "../core/words.js";
import { Sheet, largestOf } from "../parts/sheet.js";
import { blankItems, cellsText, maskItems, pooledWeightText, sectionItems } from "./heatmap-exhibit.js";

/**
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../parts/legend.js").LegendItem} LegendItem
 * @typedef {import("../parts/scene.js").Exhibit} Exhibit
 * @typedef {import("../parts/shown.js").ShownMatrix} ShownMatrix
 * @typedef {{first: ShownMatrix, second: ShownMatrix, difference: ShownMatrix}} ComparedMatrices
 * @typedef {{first: string, second: string}} ComparedNames
 */

/**
 * Subtract one head from another.
 * @param {ShownMatrix} first
 * @param {ShownMatrix} second
 * @returns {ShownMatrix} unseen where neither sees
 */
export function differenceOf(first, second) {
  return {
    ...first,
    values: second.values.map((value, cell) => value - first.values[cell]),
    unseen: first.unseen.map((reason, cell) => (second.unseen[cell] ? reason : 0)),
    hidden: second.hidden.map((share, row) => share - first.hidden[row]),
    lost: second.lost.map((share, row) => share - first.lost[row]),
  };
}

/**
 * @param {ComparedMatrices} matrices
 * @param {ComparedNames} names
 * @param {State} state
 * @param {Palette} palette
 * @param {import("../core/data.js").AttentionMap} map of both
 * @returns {Exhibit}
 */
export function compareExhibit(matrices, names, { scale, threshold }, palette, map) {
  const { first, second, difference } = matrices;
  const top = Math.max(largestOf(first.values), largestOf(second.values));
  const limit = largestOf(difference.values);
  const shading = { palette, isDifference: false, top, scale, threshold };
  const apart = { ...shading, isDifference: true, top: limit };
  const whole = !map.facts.pooling;
  const number = whole ? weightText : pooledWeightText;
  const bent = scale === "log" ? "; logarithmic" : "";
  return {
    entries: [
      { sheet: new Sheet(first, shading), title: `A  ${names.first}`, margins: [] },
      { sheet: new Sheet(second, shading), title: `B  ${names.second}`, margins: [] },
      { sheet: new Sheet(difference, apart), title: "B − A", margins: [] },
    ],
    legend: [
      {
        kind: "scale",
        text: `${whole ? "weights of A and B, · below .005" : `${cellsText(map)} of A and B`}; ${number(top)} is the largest of both${bent}`,
        shading,
      },
      { kind: "scale", text: `B − A; ${number(limit)} is the largest difference${bent}`, shading: apart },
      ...maskItems(difference),
      ...sectionItems(first),
      ...blankItems(threshold),
    ],
    title: `${names.first} and ${names.second}`,
    summary: `${first.rows.length} queries, ${first.columns.length} keys`,
  };
}
