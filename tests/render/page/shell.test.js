// What the shell works out before anything is on screen.

import assert from "node:assert/strict";
import test from "node:test";
import { Store } from "../../../attnviz/render/page/program/core/state.js";
import { openingState } from "../../../attnviz/render/page/program/core/fragment.js";
import { csvCell, csvOf } from "../../../attnviz/render/page/program/shell/csv.js";
import { fileStem } from "../../../attnviz/render/page/program/shell/files.js";
import { shifted } from "../../../attnviz/render/page/program/shell/framing.js";
import { shortcuts } from "../../../attnviz/render/page/program/shell/keys.js";
import {
  headAbove,
  headBeside,
  matchesOf,
  matchPicked,
  toMap,
  toOpening,
} from "../../../attnviz/render/page/program/shell/moves.js";
import {
  generatedIn,
  hasSpecial,
  hasWords,
  hiddenMass,
  setStep,
  stepText,
} from "../../../attnviz/render/page/program/shell/options.js";
import { chosenView, offeredViews } from "../../../attnviz/render/page/program/shell/tabs.js";
import { isReady, openAll, openShown } from "../../../attnviz/render/page/program/shell/opening.js";
import { smallPage, token } from "./small.js";

/**
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").Brush} Brush
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").Context} Context
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").State} State
 * @typedef {import("../../../attnviz/render/page/program/core/types.js").View} View
 */

/**
 * @param {Partial<State>} [fields]
 * @returns {Context}
 */
function begun(fields = {}) {
  const page = smallPage();
  const store = new Store({ ...openingState(page), ...fields });
  /** @type {any} */
  const palette = () => ({});
  return { page, store, palette, say: () => {} };
}

/**
 * @param {string} name
 * @param {boolean} [offered]
 * @returns {View}
 */
function view(name, offered = true) {
  return { name, title: name, hint: "", offered: () => offered, mount: () => assert.fail("not here") };
}

test("a step goes to the head beside, through the layers, and stops at both ends", () => {
  const { page } = begun();
  const map = page.map("self");
  assert.equal(headBeside(map, "L0H1", 1), "L0H5");
  assert.equal(headBeside(map, "L0H5", 1), "L3H0");
  assert.equal(headBeside(map, "L3H0", -1), "L0H5");
  assert.equal(headBeside(map, "L0H0", -1), "L0H0");
  assert.equal(headBeside(map, "L3H5", 1), "L3H5");
});

test("a step through the layers keeps the head's number", () => {
  const { page } = begun();
  const map = page.map("self");
  assert.equal(headAbove(map, "L0H5", 1), "L3H5");
  assert.equal(headAbove(map, "L3H5", 1), "L3H5");
  assert.equal(headAbove(map, "L3H1", -1), "L0H1");
  assert.equal(headAbove(page.map("self.rollout"), "L0", 1), "L3");
});

test("another map of the same tokens keeps what is picked, one of others lets go", () => {
  const { page, store } = begun({ head: "L3H5", query: 1, key: 2, zoom: [0, 0, 2, 2], also: "0" });
  assert.deepEqual(toMap(page, store.state, "self.rollout"), { map: "self.rollout", head: "L3", also: "" });
  const gone = { query: null, key: null, queryToken: null, keyToken: null, zoom: null, step: null };
  assert.deepEqual(toMap(page, store.state, "cross"), { map: "cross", head: "L3H5", also: "", ...gone });
});

test("a map without heads gives way to the first head of its layer", () => {
  const { page, store } = begun({ map: "self.rollout", head: "L3" });
  assert.equal(toMap(page, store.state, "self").head, "L3H0");
});

test("a reset keeps the way of looking, and the theme", () => {
  const { page, store } = begun({ view: "lines", theme: "dark", head: "L3H5", words: true, query: 1 });
  assert.deepEqual(toOpening(page, store.state), { ...openingState(page), view: "lines", theme: "dark" });
});

test("a search finds tokens whatever their case and accents", () => {
  const { page, store } = begun({ search: " IT " });
  const places = (/** @type {State} */ state) =>
    matchesOf(page.map(state.map), state).map(({ side, position }) => `${side} ${position}`);
  assert.deepEqual(places(store.state), ["query 1", "query 3"]);
  assert.deepEqual(places({ ...store.state, words: true, search: "its" }), ["query 1"]);
  assert.deepEqual(places({ ...store.state, search: "" }), []);
  assert.deepEqual(places({ ...store.state, search: "ï" }), ["query 1", "query 3"]);
  assert.deepEqual(places({ ...store.state, special: false, search: "CLS" }), []);
});

test("a search in two sentences goes through the queries, then through the keys", () => {
  const { page, store } = begun({ map: "cross", search: "s", key: 2 });
  const matches = matchesOf(page.map("cross"), store.state);
  assert.deepEqual(
    matches.map(({ side, text }) => `${side} ${text}`),
    ["query Es", "query ist", "query so", "key [CLS]", "key s"],
  );
  assert.equal(matchPicked(matches, store.state), 4);
  assert.equal(matchPicked(matches, { ...store.state, key: null }), -1);
});

test("what a map has to offer is known", () => {
  const { page } = begun();
  assert.deepEqual([hasWords(page.map("self")), hasSpecial(page.map("self"))], [true, true]);
  assert.deepEqual(generatedIn(page.map("self")), { first: -1, count: 0 });
  assert.deepEqual(generatedIn(page.map("cross")), { first: 2, count: 2 });
});

test("hidden mass is the mean over the rows that are shown", async () => {
  const { page, store } = begun({ special: false });
  const map = page.map("self");
  await map.open(0);
  // The first key is the special one; half of the mass of every row is on it.
  assert.equal(hiddenMass(map, store.state), 0.5);
  assert.equal(hiddenMass(map, { ...store.state, special: true }), 0);
});

test("steps of a generation stay between none and all, and say what comes next", () => {
  const { page, store } = begun({ map: "cross" });
  const map = page.map("cross");
  setStep(store, map, 1);
  assert.equal(store.state.step, 1);
  assert.equal(stepText(map, 1), "1 of 2; next: “so” .70");
  setStep(store, map, -3);
  assert.equal(store.state.step, 0);
  assert.equal(stepText(map, 0), "0 of 2; next: “gut” .60");
  setStep(store, map, 2);
  assert.equal(store.state.step, null);
  store.set({ map: "self" });
  setStep(store, page.map("self"), 0);
  assert.equal(store.state.step, null);
});

test("a view the page does not have gives way to the heatmap, then to any", () => {
  const views = [view("grid"), view("heatmap"), view("picture", false)];
  const context = begun({ view: "picture" });
  const { state } = context.store;
  assert.deepEqual(offeredViews(views, context, state), views.slice(0, 2));
  assert.equal(chosenView(views, context, state), views[1]);
  assert.equal(chosenView(views, context, { ...state, view: "grid" }), views[0]);
  assert.equal(chosenView(views.slice(0, 1), context, state), views[0]);
});

test("every key does what the help says", () => {
  const context = begun({ head: "L0H5", query: 1, key: 1 });
  const { store } = context;
  /** @type {string[]} */
  const done = [];
  const acts = { help: () => done.push("help"), search: () => done.push("search") };
  const keys = shortcuts([view("grid"), view("picture", false), view("heatmap")], context, acts);
  const press = (/** @type {string} */ name) => {
    const pressed = keys.find(({ key }) => key === name);
    assert.ok(pressed, name);
    pressed.act();
    return store.state;
  };
  assert.equal(press("1").view, "grid");
  assert.equal(press("2").view, "heatmap");
  assert.equal(press("3").view, "heatmap");
  assert.equal(press("]").head, "L3H0");
  assert.equal(press("[").head, "L0H5");
  assert.equal(press("}").head, "L3H5");
  assert.equal(press("{").head, "L0H5");
  assert.equal(press("w").words, true);
  assert.equal(press("s").special, false);
  assert.equal(press("l").scale, "log");
  assert.equal(press("l").scale, "linear");
  assert.deepEqual([press("t").theme, press("t").theme, press("t").theme], ["light", "dark", "auto"]);
  assert.deepEqual([press("Escape").query, store.state.key], [null, null]);
  store.set(toMap(context.page, store.state, "cross"));
  assert.deepEqual([press(",").step, press(",").step, press(".").step, press(".").step], [1, 0, 1, null]);
  press("/");
  press("?");
  assert.deepEqual(done, ["search", "help"]);
  assert.equal(new Set(keys.map(({ key }) => key)).size, keys.length);
});

test("a table of numbers has the package's columns, and every weight", async () => {
  const { page } = begun();
  await page.map("cross").open(1);
  const lines = csvOf(page.map("cross"), "L3H5").split("\r\n");
  assert.equal(lines[0], "layer,head,query,query_token,key,key_token,weight");
  assert.deepEqual(lines.slice(1, 6), [
    "3,5,0,Es,0,[CLS],0.5",
    "3,5,0,Es,1,It,0",
    "3,5,0,Es,2,s,0.2",
    "3,5,0,Es,3,it,0.1",
    "3,5,1,ist,0,[CLS],0.5",
  ]);
  assert.equal(lines.length, 1 + 16 + 1);
});

for (const [text, cell] of [
  ["a", "a"],
  [",", '","'],
  ['"', '""""'],
  ["a\r\nb\t", "a\\r\\nb\\t"],
  ["\x00\x1b\x9f", "\\x00\\x1b\\x9f"],
  ["\ud800", "\\ud800"],
  ["\u{1f98a}", "\u{1f98a}"],
]) {
  test(`${JSON.stringify(text)} stays one cell`, () => assert.equal(csvCell(token(text)), cell));
}

for (const [title, stem] of [
  ["The quick brown fox jumps over the lazy dog.", "the-quick-brown-fox-jumps-over-the-lazy"],
  ["../../etc/passwd", "etc-passwd"],
  ["Größe 12", "größe-12"],
  ["你好", "你好"],
  ["!?", "attention"],
  ["x".repeat(99), "x".repeat(40)],
]) {
  test(`"${title}" names a file "${stem}"`, () => assert.equal(fileStem(title), stem));
}

test("a shifted brush draws everything elsewhere", () => {
  /** @type {any[]} */
  const drawn = [];
  const note = (/** @type {any[]} */ ...given) => drawn.push(given);
  /** @type {any} */
  const plain = Object.fromEntries(
    ["rect", "line", "curve", "text", "cells", "picture", "clip", "measure"].map((name) => [name, note]),
  );
  const brush = shifted(/** @type {Brush} */ (plain), 10, 100);
  assert.deepEqual(Object.keys(brush).sort(), Object.keys(plain).sort());
  brush.rect(1, 2, 3, 4, {});
  brush.line([[1, 2]], { stroke: "red" });
  brush.curve(1, 2, 3, 4, { stroke: "red" });
  brush.text(1, 2, "t", { fill: "red" });
  assert.deepEqual(drawn, [
    [11, 102, 3, 4, {}],
    [[[11, 102]], { stroke: "red" }],
    [11, 102, 13, 104, { stroke: "red" }],
    [11, 102, "t", { fill: "red" }],
  ]);
});

test("what is shown is opened first, and everything in the end", async () => {
  const { page, store } = begun({ head: "L3H0", other: "L0", otherMap: "self.rollout" });
  assert.equal(isReady(page, store.state), false);
  await openShown(page, store.state);
  assert.equal(isReady(page, store.state), true);
  assert.deepEqual([page.map("self").isOpen("L0H0"), page.map("cross").isOpen("L0H0")], [false, false]);
  let told = 0;
  store.listen((_, changed) => {
    told += changed.has("map") ? 1 : 0;
  });
  await openAll(page, store);
  assert.ok(page.maps.every((map) => map.names.every((name) => map.isOpen(name))));
  assert.ok(told >= 1);
});
