// Maps of given weights, for the units of views that read them.

import { Page } from "../../../attnviz/render/page/program/core/data.js";
import { DEFAULTS } from "../../../attnviz/render/page/program/core/state.js";

/**
 * @typedef {import("../../../attnviz/render/page/program/core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").State} State
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").TokenFacts} TokenFacts
 */

/**
 * @param {string} text
 * @param {Partial<TokenFacts>} [more]
 * @returns {TokenFacts}
 */
export function said(text, more = {}) {
  return { text, shown: text, kind: "text", ...more };
}

/**
 * Make a map of one layer that is open; a row's levels are told exactly by shares of its largest weight.
 * @param {TokenFacts[]} queries
 * @param {TokenFacts[]|null} keys null for those of the queries
 * @param {number[][][]} heads weights (head, query, key)
 * @param {Object<string, any>} [more] further facts of the map
 * @param {Uint8Array[]} [buffers] further buffers, from number 2 on
 * @returns {Promise<AttentionMap>}
 */
export async function mapOf(queries, keys, heads, more = {}, buffers = []) {
  const maxima = heads.flatMap((rows) => rows.map((row) => Math.max(...row)));
  const levels = heads.flatMap((rows) =>
    rows.flatMap((row) => row.map((weight) => (weight / (Math.max(...row) || 1)) * 255)),
  );
  const own = [Uint8Array.from(levels, Math.round), new Uint8Array(Float32Array.from(maxima).buffer)];
  const sequences = [queries, ...(keys ? [keys] : [])].map((tokens) => ({
    tokens,
    words: null,
    pooled: false,
  }));
  const facts = {
    sequences,
    maps: [
      {
        ...{ id: "self", block: "self", view: "weights", layers: [0], heads: heads.map((_, head) => head) },
        ...{ queries: 0, keys: keys ? 1 : 0, causal: false, sight: {}, sinks: [], dropped: 0 },
        ...{ renormalized: false, weights: [0], maxima: 1, vectors: null },
        ...more,
      },
    ],
  };
  const page = new Page(/** @type {any} */ (facts), async (buffer) => [...own, ...buffers][buffer]);
  await page.maps[0].open(0);
  return page.maps[0];
}

/**
 * @param {Partial<State>} fields
 * @returns {State}
 */
export function stateOf(fields = {}) {
  return { ...DEFAULTS, map: "self", head: "L0H0", ...fields };
}

/**
 * @param {Iterable<number>} found
 * @param {number[]} wanted
 * @returns {boolean} whether both are the same up to what levels round
 */
export function near(found, wanted) {
  const numbers = [...found];
  return (
    numbers.length === wanted.length && numbers.every((one, place) => Math.abs(one - wanted[place]) < 0.003)
  );
}
