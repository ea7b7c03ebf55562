// The steps from q k to a weight in words.

import { weightText } from "../core/words.js";
import { productExplains } from "./productmath.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("./productmath.js").Product} Product
 * @typedef {import("./productmath.js").ProductTerm} ProductTerm
 */

/**
 * Write any number, short: ".32", "−1.20", "148.2".
 * @param {number} value
 * @returns {string}
 */
export function productText(value) {
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "0";
  if (size < 0.0005) return `${sign}${size.toExponential(1).replace("-", "−")}`;
  const digits = size < 0.1 ? 4 : size < 10 ? 3 : size < 100 ? 2 : 1;
  return sign + size.toFixed(digits).replace(/^0/, "");
}

/**
 * One step: its name, its number, and how that comes about.
 * @typedef {{name: string, number: string, about: string}} ProductStep
 */

/**
 * @param {Product} product
 * @returns {ProductStep[]}
 */
export function productSteps(product) {
  const { terms, sum, ofDistance, scale, logit, learnsDistances, seen, alone, weights, key } = product;
  const place = seen.indexOf(key);
  const parts = `q · k ${productText(sum - ofDistance)}, q · distance ${productText(ofDistance)}`;
  const steps = [
    {
      name: learnsDistances ? "q · (k + distance)" : "q · k",
      number: productText(sum),
      about: learnsDistances ? parts : `the sum of ${terms.length} products`,
    },
  ];
  if (scale !== null && logit !== null) {
    steps.push({
      name: "logit",
      number: productText(logit),
      about: `times the scale, ${productScale(scale, terms.length)}`,
    });
  }
  if (alone) {
    const about =
      place < 0
        ? "the query could not look here"
        : `its share among ${seen.length} ${seen.length === 1 ? "key" : "keys"}`;
    steps.push({ name: "softmax", number: place < 0 ? "–" : weightText(alone[place]), about });
  }
  steps.push({
    name: "weight",
    number: place < 0 ? "0" : weightText(weights[place]),
    about: "what the model gave",
  });
  return steps;
}

/**
 * @param {number} scale
 * @param {number} width
 * @returns {string}
 */
function productScale(scale, width) {
  const usual = Math.abs(scale * Math.sqrt(width) - 1) < 1e-3;
  return usual ? `1/√${width} = ${productText(scale)}` : productText(scale);
}

/**
 * Say how far the products explain the weight.
 * @param {AttentionMap} map
 * @param {string} head
 * @param {Product} product
 * @returns {string}
 */
export function productVerdict(map, head, product) {
  const { alone, weights, seen, key } = product;
  const place = seen.indexOf(key);
  if (place < 0) return "The model did not let this query look at this key, so there is no weight.";
  if (!alone) return "What this layer multiplies q · k by could not be told, so there is no logit to show.";
  if (productExplains(product))
    return "The softmax of these logits is the model's own weight: nothing else is in it.";
  const [own, given] = [weightText(alone[place]), weightText(weights[place])];
  const both = `the softmax of q · k alone would give ${own}, the model gave ${given}`;
  return `${productReason(map, head)}: ${both}.`;
}

/**
 * @param {AttentionMap} map
 * @param {string} head
 * @returns {string}
 */
function productReason(map, head) {
  const { sinks, layers, dropped, renormalized } = map.facts;
  if (sinks.includes(layers[map.find(head)?.layer ?? 0]))
    return "In this layer a learned sink takes part of the mass";
  if (dropped > 0) {
    return renormalized
      ? "Keys were left out of this record, and the rest was brought back to 1"
      : "Keys were left out of this record";
  }
  return "The model adds something beside q · k here, such as a bias of position";
}

/**
 * @param {ProductTerm} term
 * @param {number} running the sum up to it
 * @param {boolean} learnsDistances
 * @returns {string}
 */
export function productTermText({ index, query, key, distance, product }, running, learnsDistances) {
  const other = learnsDistances ? `(${productText(key)} + ${productText(distance)})` : productText(key);
  return `number ${index}: ${productText(query)} × ${other} = ${productText(product)}; sum so far ${productText(running)}`;
}
