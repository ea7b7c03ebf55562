// What the picture shows, in words.

import { exactText, weightText } from "../core/words.js";
import { pictureGrid, pictureHasClass, pictureIsPatch } from "./picturegrid.js";
import { textLead } from "./textlists.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./picturegrid.js").PictureGrid} PictureGrid
 * @typedef {import("./textreading.js").TextReading} TextReading
 */

/**
 * Say the weight of a patch.
 * @param {TextReading} reading
 * @param {number} place among the labels that have weights
 * @returns {string}
 */
export function pictureTold({ way, rows, columns, mass, picked }, place) {
  const name = pictureName((way === "readers" ? rows : columns)[place]);
  const [least, most] = [weightText(mass.least[place]), weightText(mass.most[place])];
  const spread = mass.heads > 1 ? ` (${least}–${most} across ${mass.heads} heads)` : "";
  const weight = `${exactText(mass.values[place])}${spread}`;
  if (way === "received") return `${name}: ${weight} on average`;
  const own = pictureName((way === "readers" ? columns : rows)[picked]);
  return way === "reads" ? `${own} → ${name}: ${weight}` : `${name} → ${own}: ${weight}`;
}

/**
 * Name a patch by its row and column, as one speaks of it.
 * @param {Label} label
 * @returns {string}
 */
export function pictureName(label) {
  return pictureIsPatch(label) && label.place ? `row ${label.place[0]} column ${label.place[1]}` : label.text;
}

/**
 * Give the patch picked, in the grid of its own side.
 * @param {AttentionMap} map
 * @param {TextReading} reading
 * @param {number} ratio
 * @returns {{row: number, column: number, grid: PictureGrid}[]}
 */
export function pictureFramed(map, { way, rows, columns, picked }, ratio) {
  if (picked < 0) return [];
  const label = (way === "readers" ? columns : rows)[picked];
  const grid = pictureGrid(way === "readers" ? map.keys : map.queries, ratio);
  if (!grid || !label.place || !pictureIsPatch(label)) return [];
  return [{ row: label.place[0], column: label.place[1], grid }];
}

/**
 * @param {AttentionMap} map
 * @param {TextReading} reading
 * @param {State} state
 * @returns {string[]}
 */
export function pictureLead(map, reading, state) {
  const sentences = textLead(reading, state, "patch");
  const aside = pictureAside(reading);
  const nothing = state.query === null && state.key === null && pictureHasClass(map);
  return [
    ...sentences,
    ...(nothing ? ["Press a patch to see what that one reads."] : []),
    ...(aside >= 0.005 && reading.way !== "readers"
      ? [`${weightText(aside)} of the mass is on no patch.`]
      : []),
  ];
}

/**
 * @param {TextReading} reading
 * @returns {number} the mass on keys that are no patches
 */
function pictureAside({ mass, columns }) {
  return columns.reduce((sum, label, place) => sum + (pictureIsPatch(label) ? 0 : mass.values[place]), 0);
}
