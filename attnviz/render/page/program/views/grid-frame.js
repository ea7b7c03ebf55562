// What stands around the tiles: the numbers of layers and heads, and a line over heads that share their keys.

import { element } from "../core/dom.js";
import { gridGroups } from "./grid-heads.js";
import { gridIsOfLayers, gridStep } from "./grid-layout.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("./grid-layout.js").GridPlace} GridPlace
 */

// What a number needs along its axis.
const GRID_NUMBER = { across: 19, down: 14 };

/**
 * Put tiles into rows, with their numbers.
 * @param {AttentionMap} map
 * @param {GridPlace[]} places
 * @param {Map<string, HTMLElement>} tiles
 * @param {{width: number, height: number, gap: number}} size
 * @param {boolean} small
 * @returns {HTMLElement[]}
 */
export function gridFrame(map, places, tiles, size, small) {
  const rows = Math.max(...places.map(({ row }) => row)) + 1;
  const alone = gridIsOfLayers(map);
  const step = gridStep(size.height + size.gap, GRID_NUMBER.down);
  const lines = Array.from({ length: rows }, (_, row) => {
    const line = element("div", { class: "grid-row", role: "row" });
    if (!alone) line.append(gridLayerNumber(map.facts.layers[row], row % step === 0, small));
    for (const { name } of places.filter((place) => place.row === row))
      line.append(gridSlot(name, tiles, alone));
    return line;
  });
  return alone ? lines : [...gridHeading(map, size, small), ...lines];
}

/**
 * @param {string} name
 * @param {Map<string, HTMLElement>} tiles
 * @param {boolean} alone whether nothing else names it
 * @returns {HTMLElement}
 */
function gridSlot(name, tiles, alone) {
  const slot = element("div", { class: "grid-slot", role: "gridcell" });
  slot.append(.../** @type {Node[]} */ ([tiles.get(name)]));
  if (alone) slot.append(element("span", { class: "grid-name", "aria-hidden": "true" }, name));
  return slot;
}

/**
 * @param {number} layer
 * @param {boolean} shown
 * @param {boolean} small
 * @returns {HTMLElement}
 */
function gridLayerNumber(layer, shown, small) {
  const text = small ? String(layer) : `L${layer}`;
  const number = element("span", { "aria-hidden": "true", hidden: !shown }, text);
  return element("div", { class: "grid-layer", role: "rowheader", "aria-label": `layer ${layer}` }, number);
}

/**
 * @param {AttentionMap} map
 * @param {{width: number, gap: number}} size
 * @param {boolean} small
 * @returns {HTMLElement[]}
 */
function gridHeading(map, size, small) {
  const needed = GRID_NUMBER.across + (small ? 0 : 8);
  const step = gridStep(size.width + size.gap, needed);
  const heading = element(
    "div",
    { class: "grid-row grid-heading", role: "row" },
    element("div", { class: "grid-corner" }),
  );
  map.facts.heads.forEach((head, column) => {
    const text = small ? String(head) : `H${head}`;
    const number = element("span", { "aria-hidden": "true", hidden: column % step !== 0 }, text);
    heading.append(
      element("div", { class: "grid-head", role: "columnheader", "aria-label": `head ${head}` }, number),
    );
  });
  return [heading, ...gridSharingLine(map)];
}

/**
 * @param {AttentionMap} map
 * @returns {HTMLElement[]} a line over neighbours that share their keys
 */
function gridSharingLine(map) {
  const groups = gridGroups(map);
  if (groups.length === 0) return [];
  const line = element("div", { class: "grid-row grid-sharing", "aria-hidden": "true" });
  for (const { first, count } of groups) {
    const bar = element("div", { class: "grid-share" });
    // Column 1 holds the layers' numbers.
    bar.style.gridColumn = `${first + 2} / span ${count}`;
    line.append(bar);
  }
  return [line];
}
