// What a tile of the grid shows: a head's weights, shrunk to the few pixels it has.

import { shareOf, weightColor, rgb } from "../core/colors.js";
import { labelsOf, matrixOf, pooled } from "../core/matrix.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").Cells} Cells
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {object} GridTile
 * @property {Float32Array} values (row, column), pooled
 * @property {Uint8Array} masked (row, column), 1 where nobody could look
 * @property {number} rows
 * @property {number} columns
 * @property {number} top the largest weight
 */

const GRID_SHADES = 1024;

/**
 * Give a head's weights for a tile: the largest of each block of cells.
 * @param {AttentionMap} map
 * @param {string} name of a head that is open
 * @param {Pick<State, "words"|"special"|"step">} shown
 * @param {number} most rows and columns
 * @param {Map<string, Uint8Array>} masks those made before, by layer
 * @returns {GridTile}
 */
export function gridTile(map, name, shown, most, masks) {
  const rows = labelsOf(map.queries, shown);
  const columns = labelsOf(map.keys, shown);
  const single = [...rows, ...columns].every(({ positions }) => positions.length === 1);
  const small = single
    ? gridPooled(map, name, rows, columns, most)
    : pooled(matrixOf(map, name, shown).values, rows.length, columns.length, most);
  const top = small.values.reduce((largest, value) => Math.max(largest, value), 0);
  return { ...small, top, masked: gridMask(map, name, rows, columns, small, masks) };
}

/**
 * The same as `pooled` of `matrixOf` where each row and column is one token, without a copy of all weights.
 * @param {AttentionMap} map
 * @param {string} name
 * @param {Label[]} rows
 * @param {Label[]} columns
 * @param {number} most
 */
export function gridPooled(map, name, rows, columns, most) {
  const { levels, maxima } = map.rows(name);
  const keys = map.keys.tokens.length;
  const [height, width] = [Math.min(rows.length, most), Math.min(columns.length, most)];
  const values = new Float32Array(height * width);
  const key = Int32Array.from(columns, ({ position }) => position);
  const target = Int32Array.from(columns, (_, column) => Math.floor((column * width) / columns.length));
  rows.forEach(({ position }, row) => {
    const unit = maxima[position] / 255;
    const from = position * keys;
    const into = Math.floor((row * height) / rows.length) * width;
    for (let column = 0; column < key.length; column += 1) {
      const value = levels[from + key[column]] * unit;
      if (value > values[into + target[column]]) values[into + target[column]] = value;
    }
  });
  return { values, rows: height, columns: width };
}

/**
 * Say which cells of a tile stand for nothing but keys that could not be seen. Heads of a layer see the same.
 * @param {AttentionMap} map
 * @param {string} name
 * @param {Label[]} rows
 * @param {Label[]} columns
 * @param {{rows: number, columns: number}} small
 * @param {Map<string, Uint8Array>} masks
 * @returns {Uint8Array}
 */
function gridMask(map, name, rows, columns, small, masks) {
  const layer = map.find(name)?.layer ?? 0;
  const kind = map.hides(layer)
    ? String(map.facts.sight[String(map.facts.layers[layer])] ?? "causal")
    : "none";
  const known = masks.get(kind);
  if (known) return known;
  const masked = new Uint8Array(small.rows * small.columns);
  if (kind !== "none") {
    masked.fill(1);
    rows.forEach((row, down) => {
      const into = Math.floor((down * small.rows) / rows.length) * small.columns;
      columns.forEach((column, across) => {
        const cell = into + Math.floor((across * small.columns) / columns.length);
        if (masked[cell] && gridSees(map, layer, row, column)) masked[cell] = 0;
      });
    });
  }
  masks.set(kind, masked);
  return masked;
}

/**
 * @param {AttentionMap} map
 * @param {number} layer
 * @param {Label} row
 * @param {Label} column
 * @returns {boolean}
 */
function gridSees(map, layer, row, column) {
  return row.positions.some((query) => column.positions.some((key) => map.sees(layer, query, key)));
}

/**
 * Colour a tile.
 * @param {GridTile} tile
 * @param {number} top the weight with the scale's last colour
 * @param {"linear"|"log"} scale
 * @param {Palette} palette
 * @returns {Cells}
 */
export function gridCells({ values, masked, rows, columns }, top, scale, palette) {
  const shades = gridShades(palette);
  const hidden = rgb(palette.masked);
  const pixels = new Uint8ClampedArray(rows * columns * 4);
  for (let cell = 0; cell < values.length; cell += 1) {
    const color = masked[cell] ? hidden : shades[Math.round(shareOf(values[cell], top, scale) * GRID_SHADES)];
    const at = cell * 4;
    pixels[at] = color[0];
    pixels[at + 1] = color[1];
    pixels[at + 2] = color[2];
    pixels[at + 3] = 255;
  }
  return { columns, rows, pixels };
}

/** @type {WeakMap<Palette, import("../core/types.js").RGB[]>} */
const gridShadesKnown = new WeakMap();

/**
 * @param {Palette} palette
 * @returns {import("../core/types.js").RGB[]}
 */
function gridShades(palette) {
  const known = gridShadesKnown.get(palette);
  if (known) return known;
  const made = Array.from({ length: GRID_SHADES + 1 }, (_, shade) =>
    weightColor(palette, shade / GRID_SHADES),
  );
  gridShadesKnown.set(palette, made);
  return made;
}

/** @type {WeakMap<Float32Array, number>} */
const gridTops = new WeakMap();

/**
 * Give the largest weight of a whole map, once any layer of it is open.
 * @param {AttentionMap} map
 * @returns {number}
 */
export function gridMapTop({ maxima }) {
  if (!maxima) return 0;
  const top = gridTops.get(maxima) ?? maxima.reduce((largest, value) => Math.max(largest, value), 0);
  gridTops.set(maxima, top);
  return top;
}
