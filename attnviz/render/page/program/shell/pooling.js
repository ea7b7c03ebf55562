// Of a text too long for every weight: what its cells stand for, largest weight or mean, and what is off.

import { element } from "../core/dom.js";
import { POOLED_OFF, mostText, pooledText } from "../parts/cells.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/state.js").Store} Store
 * @typedef {import("./parts.js").Control} Control
 */

const STATISTICS = /** @type {["maximum"|"mean", string][]} */ ([
  ["maximum", "Maximum"],
  ["mean", "Mean"],
]);

/**
 * Say how far the text was pooled, and let the reader choose what the cells show.
 * @param {Page} page
 * @param {Store} store
 * @returns {Control}
 */
export function statisticSwitch(page, store) {
  const map = () => page.map(store.state.map);
  const buttons = STATISTICS.map(([statistic, title]) => {
    const button = element("button", { type: "button", class: "button", "aria-pressed": "false" }, title);
    button.addEventListener("click", () => turnStatistic(page, store, statistic));
    return button;
  });
  const name = element("span", { class: "field-name", id: "statistic-name" }, "Cells show");
  const group = element(
    "div",
    { class: "statistic", role: "group", "aria-labelledby": name.id },
    name,
    ...buttons,
  );
  const told = element("p", { class: "note" });
  const node = element("div", { class: "pooling" }, group, told);
  return {
    node,
    update() {
      const { pooling } = map().facts;
      node.hidden = !pooling;
      group.hidden = map().twin === null;
      told.textContent = pooling ? poolingText(map()) : "";
      buttons.forEach((button, place) =>
        button.setAttribute("aria-pressed", String(STATISTICS[place][0] === pooling?.statistic)),
      );
    },
  };
}

/**
 * @param {AttentionMap} map
 * @returns {string}
 */
function poolingText(map) {
  const known = map.top ? ` Exact beside it: ${mostText(map.top.facts)} of each query.` : "";
  return `${pooledText(map)}.${known} Whole words, special tokens and q · k are off: ${POOLED_OFF}.`;
}

/**
 * @param {Page} page
 * @param {Store} store
 * @param {"maximum"|"mean"} statistic
 */
export function turnStatistic(page, store, statistic) {
  const { facts, twin } = page.map(store.state.map);
  if (facts.pooling?.statistic === statistic || !twin) return;
  store.set({ map: twin.facts.id });
}

/**
 * Give one map of each two that show the same cells: that of the statistic on screen.
 * @param {Page} page
 * @param {AttentionMap} shown
 * @returns {AttentionMap[]}
 */
export function mapsByStatistic(page, shown) {
  const wanted = shown.facts.pooling?.statistic ?? "maximum";
  return page.maps.filter(({ twin, facts }) => twin === null || facts.pooling?.statistic === wanted);
}
