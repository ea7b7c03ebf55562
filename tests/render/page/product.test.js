// From q · k to a weight, in numbers and words.

import assert from "node:assert/strict";
import test from "node:test";
import {
  productExplains,
  productOf,
  productOrder,
  productPair,
  productRunning,
  productSoftmax,
} from "../../../attnviz/render/page/program/views/productmath.js";
import { productKeyAt, productKeysLayout } from "../../../attnviz/render/page/program/views/productkeys.js";
import { productLayout, productTermAt } from "../../../attnviz/render/page/program/views/productterms.js";
import {
  productSteps,
  productTermText,
  productText,
  productVerdict,
} from "../../../attnviz/render/page/program/views/productwords.js";
import { mapOf, near, said, stateOf } from "./reading.js";

const TOKENS = [said("a"), said("b"), said("c")];
const QUERIES = [
  [1, 0],
  [2, 1],
  [0, -1],
];
const KEYS = [
  [0.5, 0.5],
  [1, -1],
  [-2, 3],
];
const SCALE = 0.5;

/**
 * Pack vectors as the file has them.
 * @param {number[][]} vectors
 * @returns {[Uint8Array, Uint8Array]} shares and maxima
 */
function packed(vectors) {
  const maxima = vectors.map((vector) => Math.max(...vector.map(Math.abs)));
  const shares = vectors.flatMap((vector, place) =>
    vector.map((number) => (number / (maxima[place] || 1)) * 32767),
  );
  return [
    new Uint8Array(Int16Array.from(shares, Math.round).buffer),
    new Uint8Array(Float32Array.from(maxima).buffer),
  ];
}

/** @param {(query: number, key: number) => number} logit */
function rowsOf(logit) {
  return QUERIES.map((_, query) => productSoftmax(KEYS.map((_, key) => logit(query, key))));
}

/**
 * @param {number} query
 * @param {number} key
 */
function dot(query, key) {
  return QUERIES[query].reduce((sum, number, place) => sum + number * KEYS[key][place], 0);
}

/**
 * @param {number[][]} rows the model's weights
 * @param {{distances?: number[][], more?: Object<string, any>}} [options]
 */
async function mapWith(rows, { distances, more = {} } = {}) {
  const buffers = [...packed(QUERIES), ...packed(KEYS), ...(distances ? packed(distances) : [])];
  const learned = distances ? { distances: 6, distanceMaxima: 7 } : {};
  const vectors = {
    width: 2,
    queries: 2,
    queryMaxima: 3,
    keys: 4,
    keyMaxima: 5,
    scales: [SCALE],
    ...learned,
  };
  return mapOf(TOKENS, null, [rows], { vectors, ...more }, buffers);
}

/**
 * @param {import("../../../attnviz/render/page/program/core/data.js").AttentionMap} map
 * @param {number} query
 * @param {number} key
 */
async function productIn(map, query, key) {
  const vectors = await map.vectors("L0H0");
  assert.ok(vectors);
  return productOf(map, "L0H0", vectors, { query, key });
}

test("a product is the sum of its terms, and its softmax is the weight", async () => {
  const map = await mapWith(rowsOf((query, key) => SCALE * dot(query, key)));
  const product = await productIn(map, 1, 0);
  assert.ok(
    near(
      product.terms.map(({ product: one }) => one),
      [1, 0.5],
    ),
  );
  assert.ok(near([product.sum, product.logit ?? 0], [1.5, 0.75]));
  assert.ok(near(product.alone ?? [], product.weights));
  assert.ok(productExplains(product));
  assert.match(productVerdict(map, "L0H0", product), /nothing else/);
  assert.deepEqual(
    productSteps(product).map(({ name }) => name),
    ["q · k", "logit", "softmax", "weight"],
  );
});

test("what distances add is in the product, and is told apart", async () => {
  const distances = [
    [1, 1],
    [0.5, 0],
    [0, 0],
    [0, -0.5],
    [-1, -1],
  ];
  const away = (/** @type {number} */ query, /** @type {number} */ key) =>
    QUERIES[query].reduce((sum, number, place) => sum + number * distances[key - query + 2][place], 0);
  const map = await mapWith(
    rowsOf((query, key) => SCALE * (dot(query, key) + away(query, key))),
    { distances },
  );
  for (const [query, key] of [
    [0, 2],
    [1, 0],
    [2, 0],
    [1, 1],
  ]) {
    const product = await productIn(map, query, key);
    assert.ok(
      near([product.ofDistance, product.sum], [away(query, key), dot(query, key) + away(query, key)]),
    );
    assert.ok(productExplains(product));
  }
});

test("a model that adds something is told from one that does not", async () => {
  const bias = (/** @type {number} */ query, /** @type {number} */ key) => (query === key ? 2 : 0);
  const rows = rowsOf((query, key) => SCALE * dot(query, key) + bias(query, key));
  const map = await mapWith(rows);
  const verdict = productVerdict(map, "L0H0", await productIn(map, 1, 1));
  assert.match(verdict, /adds something beside q · k/);
  assert.match(verdict, /would give \.38, the model gave \.82/);
  const sunk = await mapWith(rows, { more: { sinks: [0] } });
  assert.match(productVerdict(sunk, "L0H0", await productIn(sunk, 1, 1)), /sink/);
});

test("keys a query could not see are not in its softmax", async () => {
  const rows = QUERIES.map((_, query) => {
    const seen = productSoftmax(KEYS.slice(0, query + 1).map((_, key) => SCALE * dot(query, key)));
    return KEYS.map((_, key) => seen[key] ?? 0);
  });
  const map = await mapWith(rows, { more: { causal: true } });
  const product = await productIn(map, 1, 2);
  assert.deepEqual(product.seen, [0, 1]);
  assert.ok(productExplains(product));
  assert.match(productVerdict(map, "L0H0", product), /did not let/);
});

test("a layer whose scale is not known has no logit", async () => {
  const map = await mapWith(rowsOf(dot));
  const vectors = await map.vectors("L0H0");
  assert.ok(vectors);
  const product = productOf(map, "L0H0", { ...vectors, scale: null }, { query: 0, key: 0 });
  assert.deepEqual([product.logit, product.alone], [null, null]);
  assert.match(productVerdict(map, "L0H0", product), /could not be told/);
});

test("the strongest pair fits what is picked", async () => {
  const map = await mapOf(TOKENS, null, [
    [
      [0.1, 0.2, 0.7],
      [0.3, 0.3, 0.4],
      [0, 0.9, 0.1],
    ],
  ]);
  assert.deepEqual(productPair(map, stateOf()), { query: 2, key: 1 });
  assert.deepEqual(productPair(map, stateOf({ query: 1 })), { query: 1, key: 2 });
  assert.deepEqual(productPair(map, stateOf({ key: 0 })), { query: 1, key: 0 });
  assert.deepEqual(productPair(map, stateOf({ query: 0, key: 0 })), { query: 0, key: 0 });
});

test("large logits do not overflow", () => {
  assert.deepEqual(productSoftmax([1000, 0]), [1, 0]);
  assert.deepEqual(productSoftmax([5]), [1]);
});

test("terms come in order, or those that count most first", () => {
  const terms = [0.5, -2, 1].map((product, index) => ({
    index,
    query: product,
    key: 1,
    distance: 0,
    product,
  }));
  assert.deepEqual(productOrder(terms, false), terms);
  assert.deepEqual(
    productOrder(terms, true).map(({ index }) => index),
    [1, 2, 0],
  );
  assert.deepEqual(productRunning(productOrder(terms, true)), [-2, -1, -0.5]);
  assert.equal(
    productTermText(terms[1], -1.5, false),
    "number 1: −2.000 × 1.000 = −2.000; sum so far −1.500",
  );
});

test("numbers are as long as they are worth", () => {
  assert.deepEqual([0, 0.32, -1.2, 12.346, -148.23, 0.0123, 1e-7].map(productText), [
    ...["0", ".320", "−1.200", "12.35", "−148.2", ".0123", "1.0e−7"],
  ]);
});

test("terms fit any width, in as many lines as they need", () => {
  for (const room of [240, 330, 900, 2400]) {
    for (const count of [1, 8, 64, 256]) {
      const layout = productLayout(count, room, false);
      assert.ok(layout.width <= room + 0.01, `${count} terms in ${room}`);
      assert.ok(layout.each * Math.ceil(count / layout.each) >= count);
      for (const place of [0, count - 1]) {
        const x = layout.left + ((place % layout.each) + 0.5) * layout.cell;
        assert.equal(productTermAt(layout, x, Math.floor(place / layout.each) * layout.line + 5), place);
      }
    }
  }
  assert.equal(productTermAt(productLayout(3, 400, false), 2, 5), -1);
});

test("a key is found under the pointer", () => {
  const layout = productKeysLayout(512, 330);
  assert.ok(layout.width <= 330);
  assert.equal(productKeyAt(layout, layout.left + 511.5 * layout.bar), 511);
  assert.equal(productKeyAt(layout, 0), -1);
});
