// A link holds the state: what differs from a page just opened stands behind the #.

import { DEFAULTS } from "./state.js";

/**
 * @typedef {import("./types.js").State} State
 * @typedef {import("./data.js").Page} Page
 */

/**
 * Write a state as the part of a link behind the #.
 * @param {State} state
 * @param {State} opened the state the page opens with, which need not be written
 * @returns {string}
 */
export function toFragment(state, opened) {
  const fields = new URLSearchParams();
  for (const name of /** @type {(keyof State)[]} */ (Object.keys(state))) {
    const value = state[name];
    if (String(value) !== String(opened[name])) fields.set(name, value === null ? "" : String(value));
  }
  return fields.toString();
}

/**
 * Read such a part; whatever is wrong in it, or is not in this page, stays as it is when the page opens.
 * @param {string} fragment
 * @param {State} opened
 * @param {Page} page
 * @returns {State}
 */
export function fromFragment(fragment, opened, page) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  /** @type {any} */
  const state = { ...opened };
  for (const [name, given] of fields) {
    // A link may name anything, also what every object has.
    const known = Object.hasOwn(READERS, name);
    const value = known ? READERS[/** @type {keyof State} */ (name)](given) : undefined;
    if (value !== undefined) state[name] = value;
  }
  return possible(state, opened, page);
}

/**
 * Bring what names things of the page back to things it has.
 * @param {State} state
 * @param {State} opened
 * @param {Page} page
 * @returns {State}
 */
function possible(state, opened, page) {
  const map = page.map(state.map);
  const otherMap = page.maps.find(({ facts }) => facts.id === state.otherMap);
  const within = (/** @type {number|null} */ place, /** @type {number} */ count) =>
    place !== null && place < count ? place : null;
  return {
    ...state,
    map: map.facts.id,
    head: map.names.includes(state.head) ? state.head : startingHead(map, opened.head),
    otherMap: otherMap?.facts.id ?? null,
    other: (otherMap ?? map).names.includes(state.other ?? "") ? state.other : null,
    query: within(state.query, map.queries.tokens.length),
    key: within(state.key, map.keys.tokens.length),
    queryToken: within(state.queryToken, map.facts.pooling?.queries ?? 0),
    keyToken: within(state.keyToken, map.facts.pooling?.keys ?? 0),
  };
}

/**
 * @param {import("./data.js").AttentionMap} map
 * @param {string} wanted
 * @returns {string}
 */
function startingHead(map, wanted) {
  return map.names.includes(wanted) ? wanted : map.names[0];
}

/**
 * @param {string} text
 * @returns {number|null|undefined}
 */
function readPlace(text) {
  if (text === "") return null;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/**
 * @param {string} text
 * @returns {boolean|undefined}
 */
function readSwitch(text) {
  return text === "true" ? true : text === "false" ? false : undefined;
}

/**
 * @template {string} Choice
 * @param {readonly Choice[]} choices
 * @returns {(text: string) => Choice|undefined}
 */
function readChoice(choices) {
  return (text) => choices.find((choice) => choice === text);
}

/**
 * @param {string} text
 * @returns {[number, number, number, number]|null|undefined}
 */
function readZoom(text) {
  if (text === "") return null;
  const parts = text.split(",").map(Number);
  const sound = parts.length === 4 && parts.every((part) => Number.isFinite(part) && part >= 0);
  return sound && parts[2] > 0 && parts[3] > 0 ? [parts[0], parts[1], parts[2], parts[3]] : undefined;
}

const readText = (/** @type {string} */ text) => text;
const readName = (/** @type {string} */ text) => text || null;

/** @type {{[Name in keyof State]: (text: string) => State[Name]|undefined}} */
const READERS = {
  view: readText,
  map: readText,
  head: readText,
  also: readText,
  tiles: readText,
  other: readName,
  otherMap: readName,
  query: readPlace,
  key: readPlace,
  queryToken: readPlace,
  keyToken: readPlace,
  together: readChoice(["head", "layer", "all"]),
  words: readSwitch,
  special: readSwitch,
  scale: readChoice(["linear", "log"]),
  threshold: (text) => (Number(text) >= 0 && Number(text) <= 1 ? Number(text) : undefined),
  zoom: readZoom,
  step: readPlace,
  search: readText,
  sort: readText,
  filter: readText,
  theme: readChoice(["auto", "light", "dark"]),
};

/**
 * The state a page opens with.
 * @param {Page} page
 * @returns {State}
 */
export function openingState(page) {
  const [map] = page.maps;
  return { ...DEFAULTS, map: map.facts.id, head: map.names[0], ...page.facts.opening };
}
