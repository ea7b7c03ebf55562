// How weights are shown: merged, hidden, scaled, cut off, and up to which generated token.

import { element } from "../core/dom.js";
import { isOfRuns, matrixOf } from "../core/matrix.js";
import { toFragment } from "../core/fragment.js";
import { percentText, weightText } from "../core/words.js";
import { POOLED_OFF } from "../parts/cells.js";
import { toOpening } from "./moves.js";
import { actionButton, named, onOff, slide, slider } from "./parts.js";

/**
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/state.js").Store} Store
 * @typedef {import("./parts.js").Control} Control
 */

// Weights of long texts are small, so steps get finer towards nothing.
const THRESHOLDS = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9];

const STEP_MILLISECONDS = 700;

/**
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function wordsSwitch(page, store) {
  const hint = "Word pieces merged into whole words (key w)";
  const { node, input } = onOff("Whole words", (words) => store.set({ words }), hint);
  return {
    node,
    update({ map, words }) {
      const shown = page.map(map);
      const isOn = words && !whyFixed(shown);
      showSwitch({ node, input }, shown, { isUsed: hasWords(shown), isOn, hint });
    },
  };
}

/**
 * Say why tokens can be neither merged nor hidden.
 * @param {AttentionMap} map
 * @returns {string} "" where they can
 */
export function whyFixed({ facts }) {
  return facts.pooling ? `off: ${POOLED_OFF}` : "";
}

/**
 * Show a switch; off, and with the reason, where tokens can be neither merged nor hidden.
 * @param {{node: HTMLElement, input: HTMLInputElement}} parts
 * @param {AttentionMap} map
 * @param {{isUsed: boolean, isOn: boolean, hint: string}} look
 */
function showSwitch({ node, input }, map, { isUsed, isOn, hint }) {
  const why = whyFixed(map);
  node.hidden = !isUsed && !why;
  node.title = why ? `${hint}; ${why}` : hint;
  input.disabled = why !== "";
  input.checked = isOn;
}

/**
 * @param {AttentionMap} map
 * @returns {boolean}
 */
export function hasWords(map) {
  return map.queries.words !== null || map.keys.words !== null;
}

/**
 * @param {AttentionMap} map
 * @returns {boolean}
 */
export function hasSpecial(map) {
  if (map.facts.pooling) return false;
  return [map.queries, map.keys].some(({ tokens }) => tokens.some(({ kind }) => kind === "special"));
}

/**
 * Show or hide special tokens, and say how much of the mass is hidden with them.
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function specialSwitch(page, store) {
  const hint = "Tokens the model adds, such as [CLS] (key s)";
  const { node, input } = onOff("Special tokens", (special) => store.set({ special }), hint);
  const told = element("span", { class: "note said", id: "hidden-mass" });
  input.setAttribute("aria-describedby", told.id);
  const pair = element("div", { class: "pair" }, node, told);
  return {
    node: pair,
    update(state) {
      const map = page.map(state.map);
      const isOn = state.special || whyFixed(map) !== "";
      showSwitch({ node, input }, map, { isUsed: hasSpecial(map), isOn, hint });
      told.textContent = hiddenText(map, state);
      pair.hidden = node.hidden && told.textContent === "";
    },
  };
}

/**
 * @param {AttentionMap} map
 * @param {State} state
 * @returns {string}
 */
export function hiddenText(map, state) {
  const { dropped, renormalized } = map.facts;
  const share = state.special || !map.isOpen(state.head) ? 0 : hiddenMass(map, state);
  const said = share > 0 ? [`hidden: ${percentText(share)} of the mass`] : [];
  if (dropped > 0)
    said.push(`left out before: ${percentText(dropped)}${renormalized ? ", rows made 1 again" : ""}`);
  return said.join("; ");
}

/**
 * The share of a head's mass that is on keys not shown: the mean over the rows that are.
 * @param {AttentionMap} map
 * @param {State} state
 * @returns {number}
 */
export function hiddenMass(map, state) {
  const { hidden } = matrixOf(map, state.head, state);
  return hidden.length === 0 ? 0 : hidden.reduce((sum, mass) => sum + mass, 0) / hidden.length;
}

/**
 * @param {Store} store
 * @returns {Control}
 */
export function scaleSwitch(store) {
  const turn = (/** @type {boolean} */ on) => store.set({ scale: on ? "log" : "linear" });
  const { node, input } = onOff(
    "Log scale",
    turn,
    "Colours by powers of ten, so that small weights show (key l)",
  );
  return { node, update: ({ scale }) => (input.checked = scale === "log") };
}

/**
 * @param {Store} store
 * @returns {Control}
 */
export function thresholdSlider(store) {
  const told = element("span", { class: "value", "aria-hidden": "true" });
  const input = slider({ label: "Hide weights below", max: THRESHOLDS.length - 1 }, (stop) =>
    store.set({ threshold: THRESHOLDS[stop] }),
  );
  const field = named("Hide below", input);
  field.append(element("div", { class: "slider" }, input, told));
  return {
    node: field,
    update({ threshold }) {
      const above = THRESHOLDS.findIndex((stop) => stop >= threshold);
      const text =
        threshold === 0 ? "0" : threshold < 0.01 ? String(threshold).slice(1) : weightText(threshold);
      slide(input, above < 0 ? THRESHOLDS.length - 1 : above, threshold === 0 ? "nothing hidden" : text);
      told.textContent = text;
    },
  };
}

/**
 * Put everything back to what it was when the page was opened, seen the way it is seen now.
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function resetButton(page, store) {
  const hint = "Everything as it was when the page was opened";
  const node = actionButton("Reset", () => store.set(toOpening(page, store.state)), { hint });
  return {
    node,
    update: (state) => (node.hidden = toFragment(state, toOpening(page, state)) === ""),
  };
}

/**
 * Where a model's own tokens begin, and how many there are.
 * @param {AttentionMap} map
 * @returns {{first: number, count: number}}
 */
export function generatedIn(map) {
  const { tokens } = map.queries;
  const first = isOfRuns(map.queries) ? -1 : tokens.findIndex(({ kind }) => kind === "generated");
  return { first, count: first < 0 ? 0 : tokens.length - first };
}

/**
 * Go through what was generated, token by token.
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function stepSlider(page, store) {
  const map = () => page.map(store.state.map);
  const told = element("span", { class: "note said", dir: "auto", "aria-hidden": "true" });
  const input = slider({ label: "Generated tokens", max: 1 }, (step) => setStep(store, map(), step));
  const play = player(store, map);
  const field = named("Generated", input);
  field.classList.add("wide");
  field.append(element("div", { class: "slider" }, play, input), told);
  return {
    node: field,
    update({ step }) {
      const { count } = generatedIn(map());
      const shown = Math.min(step ?? count, count);
      field.hidden = count === 0;
      input.max = String(count);
      told.textContent = stepText(map(), shown);
      slide(input, shown, told.textContent);
    },
  };
}

/**
 * @param {Store} store
 * @param {AttentionMap} map
 * @param {number} step
 */
export function setStep(store, map, step) {
  const { count } = generatedIn(map);
  if (count > 0) store.set({ step: step >= count ? null : Math.max(0, step) });
}

/**
 * @param {AttentionMap} map
 * @param {number} step
 * @returns {string} such as "2 of 5; next: “dog” .87"
 */
export function stepText(map, step) {
  const { first, count } = generatedIn(map);
  const next = map.facts.predictions[first + step - 1];
  const guess = next ? `; next: “${next.shown.trim() || next.shown}” ${weightText(next.probability)}` : "";
  return `${step} of ${count}${guess}`;
}

/**
 * A button that goes on by itself until the end.
 * @param {Store} store
 * @param {() => AttentionMap} map
 * @returns {HTMLButtonElement}
 */
function player(store, map) {
  let timer = 0;
  const halt = () => {
    clearInterval(timer);
    timer = 0;
    show();
  };
  const next = () => {
    const { count } = generatedIn(map());
    setStep(store, map(), (store.state.step ?? count) + 1);
    if (store.state.step === null) halt();
  };
  const button = actionButton("▶", () => {
    if (timer) return halt();
    if (store.state.step === null) setStep(store, map(), 0);
    timer = window.setInterval(next, STEP_MILLISECONDS);
    show();
  });
  const show = () => {
    button.textContent = timer ? "❚❚" : "▶";
    button.setAttribute("aria-label", timer ? "Pause" : "Play the generation");
  };
  show();
  return button;
}
