// The matrices on screen, made once for all that show them; and why some of their cells are masked.

import { matrixOf } from "../core/matrix.js";
import { LATER, OUTSIDE } from "./sheet.js";

/**
 * @typedef {import("../core/types.js").Matrix} Matrix
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {Matrix & {unseen: Uint8Array, lacks: Float32Array}} ShownMatrix `unseen` for each cell 0, or LATER or
 *     OUTSIDE; `lacks` for each row, by how much its mass is less than 1, whatever it is called
 */

const MOST_SHOWN = 6;

/** @type {WeakMap<AttentionMap, Map<string, ShownMatrix>>} */
const shownMatrices = new WeakMap();

/** @type {WeakMap<AttentionMap, Map<number, boolean>>} */
const layersLookingBack = new WeakMap();

/**
 * Give a head's weights as the state shows them.
 * @param {AttentionMap} map
 * @param {string} head one that is open
 * @param {Pick<State, "words"|"special"|"step">} state
 * @returns {ShownMatrix}
 */
export function shownMatrix(map, head, { words, special, step }) {
  const known = shownMatrices.get(map) ?? new Map();
  shownMatrices.set(map, known);
  const name = `${head} ${words} ${special} ${step}`;
  const found = known.get(name) ?? withReasons(map, head, matrixOf(map, head, { words, special, step }));
  known.delete(name);
  known.set(name, found);
  if (known.size > MOST_SHOWN) known.delete(known.keys().next().value);
  return found;
}

/**
 * @param {AttentionMap} map
 * @param {string} head
 * @param {Matrix} matrix
 * @returns {ShownMatrix}
 */
function withReasons(map, head, matrix) {
  const layer = map.find(head)?.layer ?? 0;
  const lacks = lacksOf(map, head, matrix.rows);
  if (!map.sight[layer]) return { ...matrix, lacks, unseen: matrix.masked };
  const isLater = laterTest(map, layer);
  const unseen = matrix.masked.slice();
  matrix.rows.forEach(({ positions }, row) => {
    const last = positions[positions.length - 1];
    matrix.columns.forEach(({ position }, column) => {
      const cell = row * matrix.columns.length + column;
      if (unseen[cell]) unseen[cell] = isLater(last, position) ? LATER : OUTSIDE;
    });
  });
  return { ...matrix, lacks, unseen };
}

/**
 * @param {AttentionMap} map
 * @param {string} head
 * @param {Label[]} rows
 * @returns {Float32Array}
 */
function lacksOf(map, head, rows) {
  const masses = map.rowMasses(head);
  const lack = (/** @type {Float32Array} */ known, /** @type {number[]} */ pieces) =>
    1 - pieces.reduce((sum, query) => sum + known[query], 0) / pieces.length;
  return Float32Array.from(rows, ({ positions }) => (masses ? Math.max(0, lack(masses, positions)) : 0));
}

/**
 * Make the question whether a key that is hidden comes later, or else lies outside a window.
 * @param {AttentionMap} map
 * @param {number} layer
 * @returns {(query: number, key: number) => boolean}
 */
function laterTest(map, layer) {
  const known = layersLookingBack.get(map) ?? new Map();
  layersLookingBack.set(map, known);
  const back = map.facts.causal || (known.get(layer) ?? looksBack(map, layer));
  known.set(layer, back);
  const ahead = map.keys.tokens.length - map.queries.tokens.length;
  return (query, key) => back && key > query + ahead;
}

/**
 * Whether tokens see later ones only where these see them too, and not all do. A model that writes may let the
 * patches of a picture see each other: what it hides is still what comes later. A window open to both sides
 * hides alike in both directions.
 * @param {AttentionMap} map
 * @param {number} layer
 * @returns {boolean}
 */
function looksBack(map, layer) {
  const count = map.queries.tokens.length;
  if (count !== map.keys.tokens.length) return false;
  let alone = false;
  for (let query = 0; query < count; query += 1) {
    for (let key = 0; key < query; key += 1) {
      const [back, ahead] = [map.sees(layer, query, key), map.sees(layer, key, query)];
      if (ahead && !back) return false;
      alone ||= back && !ahead;
    }
  }
  return alone;
}
