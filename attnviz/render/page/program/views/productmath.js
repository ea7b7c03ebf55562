// How a weight comes about, in numbers: products of a query and a key, their sum, the scale, the softmax.

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/data.js").Vectors} Vectors
 * @typedef {import("../core/types.js").State} State
 */

/**
 * One number of a query times one of a key.
 * @typedef {object} ProductTerm
 * @property {number} index
 * @property {number} query
 * @property {number} key
 * @property {number} distance what the key's distance adds to it; 0 for models that learn none
 * @property {number} product
 */

/**
 * All of a pair.
 * @typedef {object} Product
 * @property {number} query its position
 * @property {number} key
 * @property {ProductTerm[]} terms in the vectors' order
 * @property {number} sum q k, with what the distance adds
 * @property {number} ofDistance of that, what the distance adds
 * @property {number|null} scale
 * @property {number|null} logit
 * @property {boolean} learnsDistances
 * @property {number[]} seen the keys the query could look at
 * @property {number[]|null} alone for each of them the softmax of q k and of nothing else; null without a scale
 * @property {number[]} weights for each of them what the record says
 * @property {number} top the largest weight of the row, which tells how exact its weights are known
 */

/**
 * Give the pair that is shown: the one picked, or the strongest one that fits what is picked.
 * @param {AttentionMap} map
 * @param {Pick<State, "head"|"query"|"key">} state
 * @returns {{query: number, key: number}}
 */
export function productPair(map, { head, query, key }) {
  if (query !== null && key !== null) return { query, key };
  const weights = map.weights(head);
  const keys = map.keys.tokens.length;
  const layer = map.find(head)?.layer ?? 0;
  let [best, largest] = [-1, -1];
  weights.forEach((weight, cell) => {
    const [row, column] = [Math.floor(cell / keys), cell % keys];
    if (weight <= largest || (query ?? row) !== row || (key ?? column) !== column) return;
    if (map.sees(layer, row, column)) [best, largest] = [cell, weight];
  });
  if (best < 0) return { query: query ?? 0, key: key ?? 0 };
  return { query: Math.floor(best / keys), key: best % keys };
}

/**
 * @param {AttentionMap} map
 * @param {string} head one that is open
 * @param {Vectors} vectors its own
 * @param {{query: number, key: number}} pair
 * @returns {Product}
 */
export function productOf(map, head, vectors, { query, key }) {
  const layer = map.find(head)?.layer ?? 0;
  const seen = Array.from(map.keys.tokens.keys()).filter((place) => map.sees(layer, query, place));
  const terms = productTerms(map, vectors, query, key);
  const sum = terms.reduce((total, { product }) => total + product, 0);
  const { scale } = vectors;
  const { levels, maxima } = map.rows(head);
  const start = query * map.keys.tokens.length;
  return {
    query,
    key,
    terms,
    sum,
    ofDistance: terms.reduce((total, term) => total + term.query * term.distance, 0),
    scale,
    logit: scale === null ? null : sum * scale,
    learnsDistances: vectors.distances !== null,
    seen,
    alone:
      scale === null
        ? null
        : productSoftmax(seen.map((place) => productSum(map, vectors, query, place) * scale)),
    weights: seen.map((place) => (levels[start + place] * maxima[query]) / 255),
    top: maxima[query],
  };
}

/**
 * @param {AttentionMap} map
 * @param {Vectors} vectors
 * @param {number} query
 * @param {number} key
 * @returns {ProductTerm[]}
 */
export function productTerms(map, vectors, query, key) {
  const { width, queries, keys } = vectors;
  const away = productDistance(map, vectors, query, key);
  return Array.from({ length: width }, (_, index) => {
    const own = queries[query * width + index];
    const other = keys[key * width + index];
    const distance = away?.[index] ?? 0;
    return { index, query: own, key: other, distance, product: own * (other + distance) };
  });
}

/**
 * @param {AttentionMap} map
 * @param {Vectors} vectors
 * @param {number} query
 * @param {number} key
 * @returns {number} q k, with what the distance adds
 */
function productSum(map, vectors, query, key) {
  return productTerms(map, vectors, query, key).reduce((sum, { product }) => sum + product, 0);
}

/**
 * Give what a key's distance adds to it: Shaw et al. 2018, equation 5. Beyond the reach all distances are one.
 * @param {AttentionMap} map
 * @param {Vectors} vectors
 * @param {number} query
 * @param {number} key
 * @returns {Float32Array|null}
 */
function productDistance(map, { width, distances }, query, key) {
  if (!distances) return null;
  const reach = (distances.length / width - 1) / 2;
  // Queries are the last of the keys, but of another text each counts its own.
  const offset = map.facts.block === "cross" ? 0 : map.keys.tokens.length - map.queries.tokens.length;
  const place = Math.min(reach, Math.max(-reach, key - query - offset)) + reach;
  return distances.subarray(place * width, (place + 1) * width);
}

/**
 * @param {number[]} logits
 * @returns {number[]}
 */
export function productSoftmax(logits) {
  // The largest is taken away first: e to the power of a large logit would be infinite.
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * Give the terms in an order.
 * @param {ProductTerm[]} terms
 * @param {boolean} largest whether those that count most come first
 * @returns {ProductTerm[]}
 */
export function productOrder(terms, largest) {
  if (!largest) return terms;
  return [...terms].sort(
    (one, other) => Math.abs(other.product) - Math.abs(one.product) || one.index - other.index,
  );
}

/**
 * Give the sum up to and with each term.
 * @param {ProductTerm[]} terms in the order they are added
 * @returns {number[]}
 */
export function productRunning(terms) {
  let sum = 0;
  return terms.map(({ product }) => (sum += product));
}

/**
 * Say whether what the model gave is what q k alone would give, as exactly as the file knows both.
 * @param {Product} product
 * @returns {boolean}
 */
export function productExplains({ alone, weights, top }) {
  return (
    alone !== null && alone.every((weight, place) => Math.abs(weight - weights[place]) <= 0.004 + top / 255)
  );
}
