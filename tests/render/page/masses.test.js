// A row's mass is not the sum of its rounded weights: what is said to be lost is what was lost.

import assert from "node:assert/strict";
import { test } from "node:test";

import { AttentionMap } from "../../../attnviz/render/page/program/core/data.js";
import { matrixOf } from "../../../attnviz/render/page/program/core/matrix.js";

const QUERIES = 2;
const SHOWN = { words: false, special: true, step: null };

/**
 * @param {number|null} masses
 * @returns {Promise<AttentionMap>}
 */
async function mapWith(masses) {
  /** @type {any} */
  const token = { text: "a", shown: "a", kind: "text" };
  /** @type {any} */
  const facts = {
    layers: [0],
    heads: [0, 1],
    queries: 0,
    keys: 0,
    causal: false,
    sight: {},
    sinks: [0],
    dropped: 0,
  };
  const sequence = { tokens: [token, token], words: null, pooled: false, rightToLeft: false };
  const buffers = [
    new Uint8Array([255, 0, 255, 0, 255, 0, 255, 0]),
    new Uint8Array(new Float32Array([0.5, 0.5, 0.5, 0.5]).buffer),
    new Uint8Array(new Float32Array([1, 0.75, 0.5, 0.9]).buffer),
  ];
  const map = new AttentionMap(
    { ...facts, weights: [0], maxima: 1, masses },
    [sequence],
    async (number) => buffers[number],
  );
  await map.open(0);
  return map;
}

/** @param {Float32Array} lost */
function rounded(lost) {
  return Array.from(lost, (share) => Math.round(share * 1000) / 1000);
}

test("what a row lacks is told by its mass, where that is in the file", async () => {
  const map = await mapWith(2);
  assert.equal(map.rowMasses("L0H0")?.length, QUERIES);
  assert.deepEqual(rounded(matrixOf(map, "L0H0", SHOWN).lost), [0, 0.25]);
  assert.deepEqual(rounded(matrixOf(map, "L0H1", SHOWN).lost), [0.5, 0.1]);
});

test("where it is not, by what its weights leave", async () => {
  const map = await mapWith(null);
  assert.equal(map.rowMasses("L0H0"), null);
  assert.deepEqual(rounded(matrixOf(map, "L0H0", SHOWN).lost), [0.5, 0.5]);
});
