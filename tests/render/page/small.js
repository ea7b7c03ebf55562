// A page small enough to reckon with by hand, for the units of the program.

import { Page } from "../../../attnviz/render/page/program/core/data.js";

/**
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").TokenFacts} TokenFacts
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").MapFacts} MapFacts
 */

export const LAYERS = [0, 3];
export const HEADS = [0, 1, 5];
const TOKENS = 4;

/**
 * @param {string} text
 * @param {TokenFacts["kind"]} [kind]
 * @returns {TokenFacts}
 */
export function token(text, kind = "text") {
  return { text, shown: text, kind };
}

/**
 * @param {string} id
 * @param {Partial<MapFacts>} fields
 * @returns {MapFacts}
 */
function mapFacts(id, fields) {
  /** @type {any} */
  const facts = {
    id,
    title: id,
    about: [],
    block: "self",
    view: "weights",
    layers: LAYERS,
    heads: HEADS,
    queries: 0,
    keys: 0,
    causal: false,
    sight: {},
    sinks: [],
    dropped: 0,
    renormalized: false,
    predictions: [],
    weights: [0, 1],
    maxima: 2,
    error: 0.002,
    vectors: null,
    focus: [],
    covered: [],
  };
  return { ...facts, ...fields };
}

/**
 * Two maps of one sentence, and a cross map to it from another; every row has 255, 0, 102 and 51 of its levels, which
 * are shares 1, 0, .4 and .2 of the row's maximum, .5.
 * @param {Object<string, any>} [facts]
 * @returns {Page}
 */
export function smallPage(facts = {}) {
  const one = { tokens: [token("[CLS]", "special"), token("It"), token("s"), token("it")] };
  const other = { tokens: [token("Es"), token("ist"), token("gut", "generated"), token("so", "generated")] };
  const rest = { words: null, pooled: false, rightToLeft: false };
  const predictions = ["ist", "gut", "so", "."].map((text, place) => ({
    text,
    shown: text,
    probability: (place + 5) / 10,
  }));
  const levels = Uint8Array.from(
    { length: HEADS.length * TOKENS * TOKENS },
    (_, cell) => [255, 0, 102, 51][cell % 4],
  );
  const maxima = new Float32Array(LAYERS.length * HEADS.length * TOKENS).fill(0.5);
  const buffers = [levels, levels, new Uint8Array(maxima.buffer)];
  /** @type {any} */
  const all = {
    sequences: [
      { ...one, ...rest, words: { starts: [0, 1, 3], shown: ["[CLS]", "Its", "it"] } },
      { ...other, ...rest },
    ],
    maps: [
      mapFacts("self", {}),
      mapFacts("self.rollout", { heads: [-1], view: "rollout" }),
      mapFacts("cross", { block: "cross", queries: 1, predictions }),
    ],
    opening: {},
    ...facts,
  };
  return new Page(all, async (buffer) => buffers[buffer]);
}
