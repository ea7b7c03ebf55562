// The state and the link it stands in.

import assert from "node:assert/strict";
import test from "node:test";
import {
  fromFragment,
  openingState,
  toFragment,
} from "../../../attnviz/render/page/program/core/fragment.js";
import { DEFAULTS, Store } from "../../../attnviz/render/page/program/core/state.js";
import { smallPage } from "./small.js";

/** @typedef {import("../../../attnviz/render/page/program/core/types.js").State} State */

const page = smallPage();
const opened = openingState(page);

/**
 * @param {string} fragment
 * @returns {State}
 */
function read(fragment) {
  return fromFragment(fragment, opened, page);
}

test("a page just opened has nothing behind the #", () => {
  assert.equal(toFragment(opened, opened), "");
  assert.deepEqual(read(""), opened);
  assert.deepEqual(read("#"), opened);
});

test("every field comes back from a link", () => {
  /** @type {State} */
  const state = {
    view: "compare",
    map: "cross",
    head: "L3H5",
    also: "0,1",
    tiles: "entropy",
    other: "L0",
    otherMap: "self.rollout",
    query: 2,
    key: 0,
    queryToken: 21,
    keyToken: 3,
    together: "layer",
    words: true,
    special: false,
    scale: "log",
    threshold: 0.05,
    zoom: [0, 1, 2.5, 3],
    step: 1,
    search: "ä & b=c #%41+ \u{1f98a}",
    sort: "-entropy",
    filter: "previous",
    theme: "dark",
  };
  assert.deepEqual(Object.keys(state).sort(), Object.keys(DEFAULTS).sort());
  for (const name of /** @type {(keyof State)[]} */ (Object.keys(state))) {
    assert.notDeepEqual(state[name], opened[name], `${name} would not be tested`);
  }
  const long = smallPage();
  long.map("cross").facts.pooling = { statistic: "maximum", queries: 22, keys: 22, twin: null };
  assert.deepEqual(fromFragment(`#${toFragment(state, opened)}`, opened, long), state);
  const beyond = fromFragment("map=cross&queryToken=22", opened, long);
  assert.equal(beyond.queryToken, null);
});

test("what a page opens with is written where it is no longer so", () => {
  const other = smallPage({ opening: { special: false, theme: "dark" } });
  const start = openingState(other);
  assert.equal(start.special, false);
  const fragment = toFragment({ ...start, special: true, theme: "auto" }, start);
  assert.deepEqual(fromFragment(fragment, start, other), { ...start, special: true, theme: "auto" });
});

test("a pick that was let go of is written too", () => {
  const start = { ...opened, query: 2 };
  assert.equal(toFragment({ ...start, query: null }, start), "query=");
  assert.equal(fromFragment("query=", start, page).query, null);
});

for (const wrong of [
  "head=L9H9",
  "map=none",
  "query=4",
  "query=-1",
  "query=1e9",
  "query=99999999999",
  "key=x",
  "other=L1H0",
  "otherMap=none",
  "words=1",
  "special=",
  "scale=cubic",
  "together=none",
  "threshold=2",
  "threshold=x",
  "zoom=1,2,3",
  "zoom=0,0,0,0",
  "zoom=0,0,1,x",
  "theme=neon",
  "unknown=1",
  "constructor=1",
  "__proto__=1",
  "hasOwnProperty=1",
  "%",
  "&&==&",
]) {
  test(`"${wrong}" leaves everything as it was`, () => assert.deepEqual(read(wrong), opened));
}

test("a head that only another map has gives way to that map's first", () => {
  assert.equal(read("map=self.rollout&head=L3H5").head, "L0");
  assert.equal(read("map=self.rollout&head=L3").head, "L3");
});

test("a store tells what changed, and only that", () => {
  const store = new Store({ ...DEFAULTS, zoom: [0, 0, 1, 1] });
  /** @type {string[][]} */
  const told = [];
  const stop = store.listen((_, changed) => told.push([...changed]));
  store.set({ words: true, special: true, zoom: [0, 0, 1, 1] });
  store.set({ words: true });
  store.set({ query: 0, key: null });
  store.set({ query: null });
  stop();
  store.set({ words: false });
  assert.deepEqual(told, [["words"], ["query"], ["query"]]);
  assert.equal(store.state.words, false);
});

test("who listens may change the state again", () => {
  const store = new Store({ ...DEFAULTS });
  store.listen((state) => state.view === "grid" && store.set({ view: "text" }));
  store.set({ view: "grid" });
  assert.equal(store.state.view, "text");
});
