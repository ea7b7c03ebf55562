// How differently two heads read: closed forms, and a naive loop.

import assert from "node:assert/strict";
import test from "node:test";
import { chosenOther, namedOther } from "../../../attnviz/render/page/program/views/compare-choice.js";
import {
  countedRows,
  divergenceOf,
  massOf,
  rowDivergence,
} from "../../../attnviz/render/page/program/views/compare-divergence.js";
import { differenceOf } from "../../../attnviz/render/page/program/views/compare-exhibit.js";
import { comparedSentence } from "../../../attnviz/render/page/program/views/compare-telling.js";
import { shownMatrix } from "../../../attnviz/render/page/program/parts/shown.js";
import { mapOf, said, stateOf } from "./reading.js";

/**
 * @param {number[]} row
 * @returns {number} bits
 */
function entropy(row) {
  return row.reduce((sum, share) => (share > 0 ? sum - share * Math.log2(share) : sum), 0);
}

let seed = 7;

/** @returns {number} 0 to 1, the same ones every time */
function chance() {
  seed = (seed * 48271) % 2147483647;
  return seed / 2147483647;
}

/**
 * @param {number} found
 * @param {number} wanted
 * @param {number} [off] how far it may be off
 */
function near(found, wanted, off = 1e-12) {
  assert.ok(Math.abs(found - wanted) <= off, `${found}, not ${wanted}`);
}

test("equal rows are 0 bits apart, rows that share no key are 1", () => {
  assert.equal(rowDivergence([0.2, 0.8], [0.2, 0.8]), 0);
  assert.equal(rowDivergence([1, 0], [0, 1]), 1);
  assert.equal(rowDivergence([0, 0], [0, 0]), 0);
  near(rowDivergence([0.5, 0.5], [1, 0]), entropy([0.75, 0.25]) - 0.5);
});

test("what a row keeps back counts as one more key", () => {
  near(rowDivergence([0.5], [1]), entropy([0.75, 0.25]) - 0.5);
  assert.equal(rowDivergence([0, 0], [0.5, 0.5]), 1);
});

test("random rows are as far apart as a naive loop says", () => {
  for (let round = 0; round < 50; round += 1) {
    const rows = [0, 1].map(() => {
      const raw = Array.from({ length: 6 }, () => chance() ** 3);
      const sum = raw.reduce((total, value) => total + value, 0) / chance();
      const row = raw.map((value) => value / sum);
      return [...row, 1 - row.reduce((total, value) => total + value, 0)];
    });
    const mixed = rows[0].map((value, key) => (value + rows[1][key]) / 2);
    const expected = entropy(mixed) - (entropy(rows[0]) + entropy(rows[1])) / 2;
    near(rowDivergence(rows[0].slice(0, 6), rows[1].slice(0, 6)), expected, 1e-9);
  }
});

test("only rows that were written count, unless there are none", () => {
  const label = (/** @type {"special"|"text"} */ kind) => ({ text: "x", kind, position: 0, positions: [0] });
  assert.deepEqual(countedRows([label("special"), label("text"), label("text")]), [1, 2]);
  assert.deepEqual(countedRows([label("special")]), [0]);
});

test("the mean and its spread are over the rows that count", async () => {
  const tokens = [said("[CLS]", { kind: "special" }), said("a"), said("b")];
  const one = [[1, 0, 0], [1, 0, 0], [0, 1, 0]]; // prettier-ignore
  const other = [[0, 1, 0], [0, 1, 0], [0, 1, 0]]; // prettier-ignore
  const map = await mapOf(tokens, null, [one, other]);
  const [first, second] = ["L0H0", "L0H1"].map((head) => shownMatrix(map, head, stateOf()));
  const found = divergenceOf(first, second);
  assert.deepEqual([...found.bits], [1, 1, 0]);
  assert.deepEqual([found.mean, found.spread], [0.5, 0.5]);
});

test("mass that was rounded away is put back where it can have been, and no more of it", async () => {
  const tokens = Array.from({ length: 100 }, (_, at) => said(`w${at}`));
  // One key holds .95 of the mass; the rest is less than half a level each.
  const row = tokens.map((_, at) => (at === 0 ? 0.95 : 0.05 / 99));
  const map = await mapOf(tokens, null, [tokens.map(() => row)]);
  const matrix = shownMatrix(map, "L0H0", stateOf());
  assert.equal(matrix.values[1], 0);
  const mass = massOf(matrix, 0);
  near(mass[1], 0.05 / 99, 1e-6);
  near(massOf({ ...matrix, lacks: matrix.lacks.fill(0.05) }, 0)[1], 0, 1e-6);
  const scarce = tokens.map((_, at) => (at === 0 ? 0.1 : 0));
  const short = await mapOf(tokens, null, [tokens.map(() => scarce)]);
  near(massOf(shownMatrix(short, "L0H0", stateOf()), 0)[1], 0.1 / 510, 1e-9);
});

test("the second minus the first, unseen where neither sees", async () => {
  const tokens = [said("a"), said("b")];
  const map = await mapOf(tokens, null, [[[1, 0], [0.5, 0.5]], [[1, 0], [0.25, 0.75]]], { causal: true }); // prettier-ignore
  const [first, second] = ["L0H0", "L0H1"].map((head) => shownMatrix(map, head, stateOf()));
  const difference = differenceOf(first, second);
  [0, 0, -0.25, 0.25].forEach((value, cell) => near(difference.values[cell], value, 0.003));
  assert.deepEqual([...difference.unseen], [0, 1, 0, 0]);
  const told = comparedSentence({ first, second, difference }, { row: 1, column: 1 });
  assert.match(told, /^b reads b: A \.5000, B \.7500, B − A \+\.2/);
});

test("the head most unlike is chosen from the layer, where none is named", async () => {
  const tokens = [said("a"), said("b")];
  const heads = [
    [[1, 0], [1, 0]], // prettier-ignore
    [[0.5, 0.5], [1, 0]], // prettier-ignore
    [[0, 1], [0, 1]], // prettier-ignore
  ];
  const map = await mapOf(tokens, null, heads);
  const page = /** @type {any} */ ({ maps: [map], map: () => map });
  const state = stateOf({ map: "self", head: "L0H0" });
  assert.equal(chosenOther(page, state).head, "L0H2");
  assert.equal(namedOther(page, state), null);
  assert.equal(namedOther(page, { ...state, other: "L0H1" })?.head, "L0H1");
  assert.equal(namedOther(page, { ...state, other: "L9H1" }), null);
});
