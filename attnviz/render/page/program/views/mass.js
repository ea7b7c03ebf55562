// Who reads whom, of one head or as a mean over many: one row or one column at a time, never a whole matrix.

import { headName } from "../core/data.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").State} State
 */

/**
 * What labels get, or give.
 * @typedef {object} Mass
 * @property {Float64Array} values for each label, the mean over the heads
 * @property {Float64Array} least for each label, of all heads
 * @property {Float64Array} most
 * @property {number} heads how many they are
 * @property {number} agree so many of them have their largest at the same label as the mean
 * @property {number} hidden mass on keys that are not shown
 * @property {number} lost mass on no key
 */

/**
 * Name the heads whose weights are shown.
 * @param {AttentionMap} map
 * @param {Pick<State, "head"|"together">} state
 * @returns {string[]}
 */
export function massHeads(map, { head, together }) {
  if (together === "all") return map.names;
  const layer = map.find(head)?.layer;
  if (together === "head" || layer === undefined) return [head];
  return map.facts.heads.map((index) => headName(map.facts.layers[layer], index));
}

/**
 * Unpack what is needed of these heads.
 * @param {AttentionMap} map
 * @param {string[]} names
 * @returns {Promise<unknown>|null} null where everything is at hand
 */
export function massOpened(map, names) {
  const layers = new Set(names.filter((name) => !map.isOpen(name)).map((name) => map.find(name)?.layer ?? 0));
  return layers.size === 0 ? null : Promise.all([...layers].map((layer) => map.open(layer)));
}

/**
 * Say whom a query reads: the weights of its row. The pieces of a word are averaged where they look, and added
 * where they are looked at.
 * @param {AttentionMap} map
 * @param {string[]} names heads that are open
 * @param {Label} row
 * @param {Label[]} columns
 * @returns {Mass}
 */
export function massRead(map, names, row, columns) {
  const keys = map.keys.tokens.length;
  const columnOf = massPlaces(columns, keys);
  let [hidden, lost] = [0, 0];
  const mass = massOver(names, columns.length, (name, values) => {
    const { levels, maxima } = map.rows(name);
    for (const query of row.positions) {
      const unit = maxima[query] / 255 / row.positions.length;
      for (let key = 0; key < keys; key += 1) {
        const share = levels[query * keys + key] * unit;
        if (columnOf[key] < 0) hidden += share / names.length;
        else values[columnOf[key]] += share;
      }
    }
    lost += massLost(map, name, row) / names.length;
  });
  return { ...mass, hidden, lost };
}

/**
 * Say who reads a key: the weights of its column.
 * @param {AttentionMap} map
 * @param {string[]} names heads that are open
 * @param {Label} column
 * @param {Label[]} rows
 * @returns {Mass}
 */
export function massReaders(map, names, column, rows) {
  const keys = map.keys.tokens.length;
  const mass = massOver(names, rows.length, (name, values) => {
    const { levels, maxima } = map.rows(name);
    rows.forEach(({ positions }, row) => {
      for (const query of positions) {
        const unit = maxima[query] / 255 / positions.length;
        for (const key of column.positions) values[row] += levels[query * keys + key] * unit;
      }
    });
  });
  return { ...mass, hidden: 0, lost: 0 };
}

/**
 * Say how much of all the mass each key receives: the mean over these queries.
 * @param {AttentionMap} map
 * @param {string[]} names heads that are open
 * @param {Label[]} rows
 * @param {Label[]} columns
 * @returns {Mass}
 */
export function massReceived(map, names, rows, columns) {
  const keys = map.keys.tokens.length;
  const columnOf = massPlaces(columns, keys);
  const mass = massOver(names, columns.length, (name, values) => {
    const received = massOfKeys(map, name, rows);
    received.forEach((share, key) => {
      if (columnOf[key] >= 0) values[columnOf[key]] += share;
    });
  });
  const shown = mass.values.reduce((sum, value) => sum + value, 0);
  return { ...mass, hidden: Math.max(0, 1 - shown), lost: 0 };
}

/**
 * @param {AttentionMap} map
 * @param {string} name
 * @param {Label[]} rows
 * @returns {Float64Array} for each key its mean weight over the rows
 */
function massOfKeys(map, name, rows) {
  const { levels, maxima } = map.rows(name);
  const received = new Float64Array(map.keys.tokens.length);
  for (const { positions } of rows) {
    for (const query of positions) {
      const unit = maxima[query] / 255 / positions.length / rows.length;
      const start = query * received.length;
      for (let key = 0; key < received.length; key += 1) received[key] += levels[start + key] * unit;
    }
  }
  return received;
}

/**
 * Bring several heads together.
 * @param {string[]} names
 * @param {number} count of labels
 * @param {(name: string, values: Float64Array) => void} fill add one head's to zeros
 * @returns {Pick<Mass, "values"|"least"|"most"|"heads"|"agree">}
 */
function massOver(names, count, fill) {
  const values = new Float64Array(count);
  const least = new Float64Array(count).fill(Infinity);
  const most = new Float64Array(count);
  const tops = names.map((name) => {
    const own = new Float64Array(count);
    fill(name, own);
    own.forEach((value, place) => {
      values[place] += value / names.length;
      least[place] = Math.min(least[place], value);
      most[place] = Math.max(most[place], value);
    });
    return massTop(own);
  });
  const top = massTop(values);
  return { values, least, most, heads: names.length, agree: tops.filter((own) => own === top).length };
}

/**
 * @param {Float64Array} values
 * @returns {number} where the largest is; -1 where all are nothing
 */
export function massTop(values) {
  let [top, largest] = [-1, 0];
  values.forEach((value, place) => {
    if (value > largest) [top, largest] = [place, value];
  });
  return top;
}

/**
 * Give the largest values, the first of equal ones first, and none that is nothing.
 * @param {Float64Array} values
 * @param {number} count
 * @returns {number[]} their places
 */
export function massLargest(values, count) {
  const places = Array.from(values.keys()).filter((place) => values[place] > 0);
  return places.sort((one, other) => values[other] - values[one] || one - other).slice(0, count);
}

/**
 * @param {Label[]} labels
 * @param {number} count of tokens
 * @returns {Int32Array} for each token the label it is shown in, -1 for none
 */
function massPlaces(labels, count) {
  const places = new Int32Array(count).fill(-1);
  labels.forEach(({ positions }, place) => positions.forEach((position) => (places[position] = place)));
  return places;
}

/**
 * Say what a row lacks: told by its mass, since its rounded weights are not exact enough.
 * @param {AttentionMap} map
 * @param {string} name
 * @param {Label} row
 * @returns {number}
 */
function massLost(map, name, { positions }) {
  const masses = map.rowMasses(name);
  if (!masses) return 0;
  return positions.reduce((sum, query) => sum + Math.max(0, 1 - masses[query]), 0) / positions.length;
}
