// What the text view shows: which word is picked, in which direction, and what each word gets a colour for.

import { between, rgb, shareOf, weightColor } from "../core/colors.js";
import { labelsOf, placeOf } from "../core/matrix.js";
import { massHeads, massRead, massReaders, massReceived } from "./mass.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").RGB} RGB
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./mass.js").Mass} Mass
 */

/**
 * "reads": the keys a query reads; "readers": the queries that read a key; "received": nothing is picked.
 * @typedef {"reads"|"readers"|"received"} TextWay
 */

/**
 * @typedef {object} TextReading
 * @property {TextWay} way
 * @property {string[]} names the heads
 * @property {Label[]} rows
 * @property {Label[]} columns
 * @property {number} picked the row or column picked, -1 for none
 * @property {number} partner its other end, -1 for none
 * @property {Mass} mass of the columns, or of the rows for "readers"
 * @property {number} top the largest of it: the scale's end
 * @property {Mass|null} back the other direction of the same word, where queries are keys
 */

// So far up the scale a word's colour is mixed with the page's: what is hardly read looks like plain text.
const TEXT_FADE = 0.12;

/**
 * Whether each query is a key too.
 * @param {AttentionMap} map
 * @returns {boolean}
 */
export function textIsOne(map) {
  return map.facts.queries === map.facts.keys;
}

/**
 * @param {AttentionMap} map all heads asked for are open
 * @param {State} state
 * @returns {TextReading}
 */
export function textReading(map, state) {
  const names = massHeads(map, state);
  const rows = labelsOf(map.queries, state);
  const columns = labelsOf(map.keys, state);
  const [row, column] = [placeOf(rows, state.query), placeOf(columns, state.key)];
  const common = { names, rows, columns };
  if (row >= 0) {
    const mass = massRead(map, names, rows[row], columns);
    const back = textIsOne(map) ? massReaders(map, names, columns[row], rows) : null;
    return {
      ...common,
      way: "reads",
      picked: row,
      partner: column,
      mass,
      back,
      top: Math.max(...mass.values),
    };
  }
  if (column >= 0) {
    const mass = massReaders(map, names, columns[column], rows);
    const back = textIsOne(map) ? massRead(map, names, rows[column], columns) : null;
    return {
      ...common,
      way: "readers",
      picked: column,
      partner: -1,
      mass,
      back,
      top: Math.max(...mass.values),
    };
  }
  const mass = massReceived(map, names, rows, columns);
  return {
    ...common,
    way: "received",
    picked: -1,
    partner: -1,
    mass,
    back: null,
    top: Math.max(...mass.values),
  };
}

/**
 * Say what a pick changes: the word picked already is let go.
 * @param {State} state
 * @param {"reads"|"readers"} way
 * @param {number} position
 * @returns {Partial<State>}
 */
export function textPick({ query, key }, way, position) {
  if (way === "reads")
    return query === position ? { query: null, key: null } : { query: position, key: null };
  return query === null && key === position ? { key: null } : { query: null, key: position };
}

/**
 * Say what turning to the other direction changes: the word stays picked.
 * @param {State} state
 * @param {boolean} one whether each query is a key too
 * @param {"reads"|"readers"} way
 * @returns {Partial<State>}
 */
export function textTurned({ query, key }, one, way) {
  if (way === "reads") return query === null && one ? { query: key, key: null } : {};
  return query === null ? {} : { query: null, key: one ? query : key };
}

/**
 * Give the share of the scale of each value; what is below the threshold gets none.
 * @param {TextReading} reading
 * @param {State} state
 * @returns {number[]}
 */
export function textShares({ mass, top }, { scale, threshold }) {
  return Array.from(mass.values, (value) => (value < threshold ? 0 : shareOf(value, top, scale)));
}

/**
 * Give the colour behind a word.
 * @param {Palette} palette
 * @param {number} share of the scale
 * @returns {RGB|null} null for none
 */
export function textTint(palette, share) {
  if (share <= 0) return null;
  return between([rgb(palette.background), weightColor(palette, share)], Math.min(1, share / TEXT_FADE));
}
