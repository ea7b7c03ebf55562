// In how many rows and columns square patches stand in a picture, as far as its shape tells.

import { labelsOf } from "../core/matrix.js";
import { massHeads, massReceived } from "./mass.js";
import { textReading } from "./textreading.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").SequenceFacts} SequenceFacts
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").TokenFacts} TokenFacts
 * @typedef {import("./textreading.js").TextReading} TextReading
 */

/**
 * @typedef {object} PictureGrid
 * @property {number} rows
 * @property {number} columns
 */

const PICTURE_ROUNDING = 1e-9;

/**
 * Whether a token is a patch whose place is known.
 * @param {{kind: TokenFacts["kind"], place?: [number, number]}} token
 * @returns {boolean}
 */
export function pictureIsPatch({ kind, place }) {
  return kind === "patch" && place !== undefined;
}

/**
 * Find the grid of a side's patches; its last rows or columns may be missing among them.
 * @param {SequenceFacts} sequence
 * @param {number} ratio the picture's height as a share of its width
 * @returns {PictureGrid|null} null where no token is a patch
 */
export function pictureGrid({ tokens }, ratio) {
  const places = tokens.filter(pictureIsPatch).map(({ place }) => place ?? [0, 0]);
  if (places.length === 0) return null;
  const rows = Math.max(...places.map(([row]) => row)) + 1;
  const columns = Math.max(...places.map(([, column]) => column)) + 1;
  return pictureGridAround(rows, columns, ratio);
}

/**
 * Find the smallest grid around patches that square ones of one size can fill.
 * @param {number} rows
 * @param {number} columns
 * @param {number} ratio
 * @returns {PictureGrid}
 */
export function pictureGridAround(rows, columns, ratio) {
  if (pictureLeavesOut(rows, columns, ratio) || pictureFillsUp(rows, columns, ratio))
    return { rows, columns };
  for (let more = 1; ; more += 1) {
    for (let down = 0; down <= more; down += 1) {
      const found = { rows: rows + down, columns: columns + more - down };
      if (pictureLeavesOut(found.rows, found.columns, ratio)) return found;
    }
  }
}

/**
 * Whether some size of patch fits so many times into both sides.
 * @param {number} rows
 * @param {number} columns
 * @param {number} ratio
 * @returns {boolean}
 */
function pictureLeavesOut(rows, columns, ratio) {
  const least = Math.max(ratio / (rows + 1), 1 / (columns + 1));
  return least < Math.min(ratio / rows, 1 / columns) - PICTURE_ROUNDING;
}

/**
 * Whether some size of patch covers both sides with so many, and with no fewer.
 * @param {number} rows
 * @param {number} columns
 * @param {number} ratio
 * @returns {boolean}
 */
function pictureFillsUp(rows, columns, ratio) {
  if (rows === 1 || columns === 1) return false;
  const least = Math.max(ratio / rows, 1 / columns);
  return least < Math.min(ratio / (rows - 1), 1 / (columns - 1)) - PICTURE_ROUNDING;
}

/**
 * Say what the view shows. Special tokens stand beside the picture, so that none is ever hidden. While nothing
 * is picked it is what the class token reads, or the mean over the queries that see the picture.
 * @param {AttentionMap} map all heads asked for are open
 * @param {State} state
 * @returns {TextReading}
 */
export function pictureReading(map, state) {
  const shown = { ...state, special: true };
  if (state.query !== null || state.key !== null) return textReading(map, shown);
  if (pictureHasClass(map)) return textReading(map, { ...shown, query: 0 });
  const names = massHeads(map, state);
  const columns = labelsOf(map.keys, shown);
  const rows = pictureLooking(map, labelsOf(map.queries, shown), map.find(state.head)?.layer ?? 0);
  const mass = massReceived(map, names, rows, columns);
  const common = { names, rows: labelsOf(map.queries, shown), columns, picked: -1, partner: -1, back: null };
  return { ...common, way: "received", mass, top: Math.max(...mass.values) };
}

/**
 * Whether the first token stands for the whole picture: a model that sees put one first.
 * @param {AttentionMap} map
 * @returns {boolean}
 */
export function pictureHasClass({ facts, queries }) {
  const [first, ...rest] = queries.tokens;
  const only = rest.every((token) => pictureIsPatch(token) || token.kind === "special");
  return facts.queries === facts.keys && first.kind === "special" && only;
}

/**
 * Give the queries that see the picture: those of a text beside it, or else the patches.
 * @param {AttentionMap} map
 * @param {Label[]} rows
 * @param {number} layer
 * @returns {Label[]}
 */
function pictureLooking(map, rows, layer) {
  const patches = [...map.keys.tokens.keys()].filter((key) => pictureIsPatch(map.keys.tokens[key]));
  const sees = (/** @type {Label} */ { positions }) =>
    positions.some((query) => patches.some((key) => map.sees(layer, query, key)));
  const seeing = rows.filter(sees);
  for (const kinds of [["text", "generated"], ["patch"]]) {
    const found = seeing.filter(({ kind }) => kinds.includes(kind));
    if (found.length > 0) return found;
  }
  return rows;
}
