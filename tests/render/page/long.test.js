// What the page makes of a text too long for every weight, without a browser.

import assert from "node:assert/strict";
import test from "node:test";
import { Page } from "../../../attnviz/render/page/program/core/data.js";
import { HeadLinks } from "../../../attnviz/render/page/program/core/links.js";
import { labelsOf, matrixOf } from "../../../attnviz/render/page/program/core/matrix.js";
import { WholeSide, wholeSide } from "../../../attnviz/render/page/program/core/whole.js";
import { runText } from "../../../attnviz/render/page/program/core/words.js";
import { axisMarks } from "../../../attnviz/render/page/program/parts/axis.js";
import {
  pooledSentence,
  pooledText,
  runName,
  strongestLink,
  tokenName,
} from "../../../attnviz/render/page/program/parts/cells.js";
import { shownMatrix } from "../../../attnviz/render/page/program/parts/shown.js";
import { pickToken, pickedSpan } from "../../../attnviz/render/page/program/parts/span.js";
import { csvOf } from "../../../attnviz/render/page/program/shell/csv.js";
import { matchPicked, matchesOf } from "../../../attnviz/render/page/program/shell/moves.js";
import { cellDistance } from "../../../attnviz/render/page/program/views/compare-divergence.js";
import { comparableMaps } from "../../../attnviz/render/page/program/views/compare-choice.js";
import { longReading } from "../../../attnviz/render/page/program/views/text-long-reading.js";
import { stateOf } from "./reading.js";

// Six tokens in three rows; the two largest weights of each query: (rank, query), keys counted from 1.
const TEXTS = ["a", "b", "c", "a", "e", "f"];
const KEYS = [1, 1, 2, 2, 1, 3, 0, 2, 1, 4, 3, 5];
const WEIGHTS = [1, 0.5, 0.25, 0.5, 0.5, 0.125, 0, 0.5, 0.125, 0.25, 0.25, 0.0625];
const [CODES, OCTAVES] = [16383, 20];

/** @param {number} weight */
const codeOf = (weight) =>
  weight === 0 ? 0 : CODES - Math.round((-Math.log2(weight) / OCTAVES) * (CODES - 1));

/**
 * @param {number[]} numbers
 * @param {number} planes
 */
const planesOf = (numbers, planes) =>
  Array.from({ length: planes }, (_, plane) => numbers.map((number) => (number >> (8 * plane)) & 255)).flat();

/**
 * @param {boolean} near whether positions are told from their queries
 * @returns {Promise<Page>}
 */
async function longPage(near = false) {
  const behind = KEYS.map((key, place) => (key === 0 ? 0 : 1 + 2 * ((place % 6) - (key - 1))));
  const maxima = [255, 0, 0, 255, 128, 0, 255, 64, 32];
  const means = [255, 0, 0, 128, 255, 0, 10, 64, 255];
  const ones = new Uint8Array(Float32Array.from([1, 0.5, 0.5]).buffer);
  const buffers = [
    Uint8Array.from(maxima),
    ones,
    Uint8Array.from(means),
    ones,
    Uint8Array.from([near ? 1 : 0, ...planesOf(near ? behind : KEYS, 2)]),
    Uint8Array.from(planesOf(WEIGHTS.map(codeOf), 2)),
  ];
  const row = (/** @type {[number, number]} */ run) => {
    const shown = `${TEXTS[run[0]]}…${TEXTS[run[1]]}`;
    return { text: shown, shown, kind: "text", run };
  };
  const types = ["a", "b", "c", "e", "f"].map((text) => ({ text, shown: text, kind: "text" }));
  const order = TEXTS.map((text) => types.findIndex((type) => type.text === text));
  const rows = [row([0, 1]), row([2, 3]), row([4, 5])];
  const common = { block: "self", view: "weights", layers: [0], heads: [0], queries: 0, keys: 0 };
  const rest = { sight: {}, sinks: [], dropped: 0, causal: true, error: 0.002, vectors: null, covered: [] };
  const pooling = { queries: 6, keys: 6 };
  const top = { most: 2, all: false, planes: 2, ahead: 0, positions: [4], weights: [5], error: 0.0005 };
  const facts = {
    sequences: [{ tokens: rows, words: null, pooled: true, whole: { types, order } }],
    maps: [
      {
        ...{ id: "self", ...common, ...rest, weights: [0], maxima: 1, top, focus: [{ head: "L0H0" }] },
        pooling: { ...pooling, statistic: "maximum", twin: "self.mean" },
      },
      {
        ...{ id: "self.mean", ...common, ...rest, weights: [2], maxima: 3, top: null, focus: [] },
        pooling: { ...pooling, statistic: "mean", twin: "self" },
      },
    ],
  };
  const page = new Page(/** @type {any} */ (facts), async (buffer) => buffers[buffer]);
  for (const map of page.maps) await map.open(0);
  return page;
}

const page = await longPage();
const [map, means] = page.maps;
const links = /** @type {HeadLinks} */ (map.links("L0H0"));

for (const near of [false, true]) {
  test(`top keys are read whether told ${near ? "from their queries" : "from the first key"}`, async () => {
    const read = (await longPage(near)).maps[0].links("L0H0");
    assert.deepEqual(
      [0, 1, 5].map((query) => read?.of(query).map(({ key }) => key)),
      [[0], [0, 1], [2, 4]],
    );
    for (const { query, weight } of [1, 3, 5].flatMap((query) => read?.of(query) ?? [])) {
      const exact = WEIGHTS.filter((_, place) => place % 6 === query);
      assert.ok(exact.some((one) => Math.abs(one - weight) <= one * 0.0005));
    }
  });
}

test("the strongest links are those of a search through all of them, whatever is asked", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const queries = 60;
  const keys = Uint32Array.from({ length: queries * 3 }, () => Math.floor(random() * 50));
  const weights = Float32Array.from(keys, (key) => (key ? Math.round(random() * 40) / 40 : 0));
  const head = new HeadLinks(keys, weights, queries, 3);
  for (const [first, last, left, right, most] of [
    [0, 59, 0, 49, 5],
    [10, 30, 5, 20, 4],
    [3, 3, 0, Infinity, 9],
    [0, 59, 7, 7, 50],
    [5, 4, 0, 9, 3],
  ]) {
    const all = [];
    for (let query = first; query <= last; query += 1) all.push(...head.of(query));
    const wanted = all
      .filter(({ key, weight }) => key >= left && key <= right && weight > 0)
      .sort((one, other) => other.weight - one.weight);
    const found = head.within([first, last], [left, right], most);
    assert.deepEqual(
      found.map(({ weight }) => weight),
      wanted.slice(0, most).map(({ weight }) => weight),
    );
    for (const link of found)
      assert.ok(wanted.some((one) => one.query === link.query && one.key === link.key));
  }
});

test("a side of runs is known token by token", () => {
  const whole = new WholeSide(map.queries);
  assert.deepEqual(
    whole.tokens.map(({ text }) => text),
    TEXTS,
  );
  assert.deepEqual(
    TEXTS.map((_, position) => whole.rowOf(position)),
    [0, 0, 1, 1, 2, 2],
  );
  assert.deepEqual(whole.run(2), [4, 5]);
  assert.equal(wholeSide({ ...map.queries, whole: null }), null);
});

test("two maps of the same cells share what is known of their heads", () => {
  assert.equal(means.twin, map);
  assert.equal(means.top, map.top);
  assert.equal(means.facts.focus, map.facts.focus);
  assert.deepEqual(comparableMaps(page, map), [map]);
});

test("rows say where they stand, however many are written", () => {
  const labels = labelsOf(map.queries, stateOf({ special: false, words: true }));
  assert.deepEqual(
    axisMarks(labels, 0, 3, 20, 10).map(({ text }) => text),
    ["\u200e0 a…b", "\u200e2 c…a", "\u200e4 e…f"],
  );
  assert.equal(runName(labels[1], "query"), "queries 2 to 3 c…a");
  assert.equal(runName({ ...labels[1], run: [3, 3], text: "a" }, "key"), "key 3 a");
  assert.equal(runText([1024, 1055]), "1,024–1,055");
  assert.equal(tokenName(map.queries, 5), "f 5");
});

test("a cell tells its largest weight, its mean, and the link where it is known to be the largest", () => {
  const state = stateOf();
  const matrix = shownMatrix(map, "L0H0", state);
  assert.equal(pooledText(map), "6 x 6 pooled to 3 x 3, maximum per cell");
  const told = pooledSentence(map, "L0H0", matrix, { row: 1, column: 0 });
  assert.equal(told, "queries 2 to 3 c…a, keys 0 to 1 a…b: largest .5000, mean .2510; a 3 reads b 1: .500");
  const other = pooledSentence(map, "L0H0", matrix, { row: 2, column: 2 });
  assert.equal(other, "queries 4 to 5 e…f, keys 4 to 5 e…f: largest .0627, mean .5000; f 5 reads e 4: .0625");
  const hidden = pooledSentence(map, "L0H0", matrix, { row: 0, column: 2 });
  assert.equal(hidden, "queries 0 to 1 a…b cannot see keys 4 to 5 e…f: later keys");
  // On the map of the means it is the same sentence.
  const same = shownMatrix(means, "L0H0", state);
  assert.equal(pooledSentence(means, "L0H0", same, { row: 1, column: 0 }), told);
});

test("a link that is weaker than its cell is not taken for it", () => {
  const matrix = shownMatrix(map, "L0H0", stateOf());
  // Query 5 reads key 2 with 1/8, and another query there reads 1/4: the cell's largest by a link that is known.
  assert.equal(strongestLink(map, "L0H0", matrix, { row: 2, column: 1 })?.weight.toFixed(3), "0.250");
  // Whatever the top keys do not hold is more than they do.
  const raised = new HeadLinks(
    links.keys,
    links.weights.map((weight) => weight / 4),
    6,
    2,
  );
  const less = Object.create(map, { links: { value: () => raised } });
  assert.equal(strongestLink(less, "L0H0", matrix, { row: 1, column: 0 }), null);
});

test("no row of maxima pretends to be a row of weights", () => {
  const matrix = matrixOf(map, "L0H0", stateOf({ special: false, words: true, step: 1 }));
  assert.deepEqual([...matrix.hidden, ...matrix.lost], [0, 0, 0, 0, 0, 0]);
  assert.equal(matrix.rows.length, 3);
});

test("a table of cells names their ends and their statistic", () => {
  const [title, first] = csvOf(means, "L0H0").split("\r\n");
  assert.equal(title, "layer,head,query_first,query_last,query_tokens,key_first,key_last,key_tokens,mean");
  assert.equal(first, "0,0,0,1,a…b,0,1,a…b,1");
});

test("a token is found in the whole text, and picked in its row", () => {
  const found = matchesOf(map, stateOf({ search: "A" }));
  assert.deepEqual(
    found.map(({ token, position }) => [token, position]),
    [
      [0, 0],
      [3, 1],
    ],
  );
  const picked = stateOf({ ...pickToken(map, "query", 3) });
  assert.deepEqual([picked.query, picked.queryToken], [1, 3]);
  assert.deepEqual(pickedSpan(map, picked, "query"), { span: [2, 3], token: 3 });
  assert.equal(matchPicked(found, { ...picked, search: "A" }), 1);
  // A token of a row that is no longer picked counts for nothing.
  assert.deepEqual(pickedSpan(map, { ...picked, query: 0 }, "query"), { span: [0, 1], token: null });
});

test("the text tells whom a token reads and who reads it, of top keys", () => {
  const reading = longReading(map, links, stateOf({ query: 1, queryToken: 3 }));
  assert.equal(reading.way, "reads");
  assert.deepEqual([...reading.weights.keys()], [1, 3]);
  assert.deepEqual(
    reading.back.map(({ query }) => query),
    [3],
  );
  const range = longReading(map, links, stateOf({ query: 1 }));
  assert.deepEqual(
    range.strongest.map(({ query, key }) => [query, key]),
    [
      [3, 1],
      [2, 1],
      [3, 3],
      [2, 0],
    ],
  );
  const readers = longReading(map, links, stateOf({ key: 0, keyToken: 1 }));
  assert.equal(readers.way, "readers");
  assert.deepEqual([...readers.weights.keys()].sort(), [1, 2, 3]);
});

test("cells that only one of two heads sees are compared, those nobody sees are not", () => {
  const matrix = shownMatrix(map, "L0H0", stateOf());
  const half = { ...matrix, values: matrix.values.map((value) => value / 2) };
  const { bits, mean } = cellDistance(matrix, half);
  assert.deepEqual(
    [...bits].map((one) => one.toFixed(2)),
    ["0.50", "0.25", "0.25"],
  );
  const seen = [...matrix.values].filter((_, cell) => !matrix.unseen[cell]);
  assert.ok(Math.abs(mean - seen.reduce((sum, value) => sum + value / 2, 0) / seen.length) < 1e-6);
});
