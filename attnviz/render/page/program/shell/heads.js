// Which map, which head: a list, a step to either side, and a slider through the layers.

import { element } from "../core/dom.js";
import { headAbove, headBeside, toMap } from "./moves.js";
import { actionButton, named, slide, slider } from "./parts.js";
import { mapsByStatistic } from "./pooling.js";

/**
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/state.js").Store} Store
 * @typedef {import("./parts.js").Control} Control
 */

/**
 * Choose a block of the model, or a view of it.
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function mapPicker(page, store) {
  const select = element("select");
  select.addEventListener("change", () => store.set(toMap(page, store.state, select.value)));
  const sentences = element("div", { class: "about-text" });
  const about = element(
    "details",
    { class: "about" },
    element("summary", {}, "What the numbers are"),
    sentences,
  );
  const picker = named("Map", select);
  let listed = "";
  return {
    node: element("div", { class: "map" }, picker, about),
    update({ map }) {
      const { facts } = page.map(map);
      const maps = mapsByStatistic(page, page.map(map));
      const ids = maps.map((each) => each.facts.id).join();
      if (ids !== listed) {
        select.replaceChildren(
          ...maps.map((each) => element("option", { value: each.facts.id }, each.facts.title)),
        );
      }
      listed = ids;
      picker.hidden = maps.length < 2;
      select.value = facts.id;
      about.hidden = facts.about.length === 0;
      sentences.replaceChildren(...facts.about.map((sentence) => element("p", { class: "note" }, sentence)));
    },
  };
}

/**
 * Choose a head by its name, or step to the one beside it.
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function headPicker(page, store) {
  const select = element("select");
  select.addEventListener("change", () => store.set({ head: select.value }));
  const step = (/** @type {number} */ by) =>
    store.set({ head: headBeside(page.map(store.state.map), store.state.head, by) });
  const before = actionButton("‹", () => step(-1), { label: "Previous head", hint: "Previous head (key [)" });
  const after = actionButton("›", () => step(1), { label: "Next head", hint: "Next head (key ])" });
  const field = named("Head", select);
  field.classList.add("head-field");
  field.append(element("div", { class: "stepper" }, before, after));
  /** @type {AttentionMap|null} */
  let listed = null;
  return {
    node: field,
    update({ map: id, head }) {
      const map = page.map(id);
      if (map !== listed) select.replaceChildren(...headOptions(map));
      listed = map;
      select.value = head;
      before.disabled = head === map.names[0];
      after.disabled = head === map.names[map.names.length - 1];
    },
  };
}

/**
 * @param {AttentionMap} map
 * @returns {HTMLElement[]}
 */
function headOptions(map) {
  const { layers, heads } = map.facts;
  const options = map.names.map((name, place) =>
    element("option", { value: name }, headTitle(map, name, place)),
  );
  if (heads.length < 2) return options;
  return layers.map((layer, place) => {
    const own = options.slice(place * heads.length, (place + 1) * heads.length);
    return element("optgroup", { label: `Layer ${layer}` }, ...own);
  });
}

/**
 * @param {AttentionMap} map
 * @param {string} name
 * @param {number} place the head's among all of them
 * @returns {string} with what it does, such as "L3H7 · previous"
 */
function headTitle({ facts }, name, place) {
  const does = facts.focus[place]?.taught ?? facts.focus[place]?.pattern.label;
  return does ? `${name} · ${does}` : name;
}

/**
 * @param {Page} page
 * @param {State} state
 * @returns {string} the head on screen, with what it does
 */
export function headShown(page, { map: id, head }) {
  const map = page.map(id);
  const found = map.find(head) ?? { layer: 0, head: 0 };
  return headTitle(map, head, found.layer * map.facts.heads.length + found.head);
}

/**
 * Scrub through the layers, keeping the number of the head.
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function layerSlider(page, store) {
  const map = () => page.map(store.state.map);
  const told = element("span", { class: "value", "aria-hidden": "true" });
  const input = slider({ label: "Layer", max: 1 }, (layer) => {
    const { head } = store.state;
    store.set({ head: headAbove(map(), head, layer - (map().find(head)?.layer ?? 0)) });
  });
  const field = named("Layer", input);
  field.append(element("div", { class: "slider" }, input, told));
  return {
    node: field,
    update({ head }) {
      const { layers } = map().facts;
      const layer = map().find(head)?.layer ?? 0;
      field.hidden = layers.length < 2;
      input.max = String(layers.length - 1);
      slide(input, layer, `layer ${layers[layer]}`);
      told.textContent = `${layers[layer]}`;
      told.title = `${layers.length} layers`;
    },
  };
}
