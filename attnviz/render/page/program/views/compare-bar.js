// Above the comparison: which heads, how to pick others, and how far apart they are.

import { element } from "../core/dom.js";
import { exactText, weightText } from "../core/words.js";
import { comparableMaps } from "./compare-choice.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./compare-choice.js").ComparedHead} ComparedHead
 * @typedef {import("./compare-divergence.js").Divergence} Divergence
 */

/** The heads compared, and their distance. */
export class CompareBar {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.first = element("select", { id: "compare-first" });
    this.second = element("select", { id: "compare-second" });
    this.swap = element(
      "button",
      { type: "button", class: "button compare-swap", "aria-label": "Swap A and B" },
      "⇄",
    );
    this.apart = element("p");
    this.note = element("p");
    const told = element("div", { class: "compare-apart" }, this.apart, this.note);
    const pickers = element(
      "div",
      { class: "compare-pickers" },
      compareField("Head A", this.first),
      this.swap,
      compareField("Head B", this.second),
    );
    this.node = element("div", { class: "compare-bar" }, pickers, told);
    this.listed = "";
    this.listen();
  }

  listen() {
    const { store } = this.context;
    this.first.addEventListener("change", () => {
      const [map, head] = pickedHead(this.first);
      const [otherMap, other] = pickedHead(this.second);
      store.set({ map, head, other, otherMap: otherMap === map ? null : otherMap });
    });
    this.second.addEventListener("change", () => {
      const [map, head] = pickedHead(this.second);
      store.set({ other: head, otherMap: map === store.state.map ? null : map });
    });
    this.swap.addEventListener("click", () => {
      const [map, head] = pickedHead(this.first);
      const [otherMap, other] = pickedHead(this.second);
      store.set({ map: otherMap, head: other, other: head, otherMap: map === otherMap ? null : map });
    });
  }

  /**
   * @param {State} state
   * @param {ComparedHead} second
   * @param {Divergence} divergence
   * @param {string} note
   * @param {boolean} isPooled whether it is of cells
   */
  show(state, second, divergence, note, isPooled) {
    this.list(state);
    this.first.value = `${state.map}/${state.head}`;
    this.second.value = `${second.map.facts.id}/${second.head}`;
    const number = element(
      "strong",
      {},
      `${weightText(divergence.mean)} ±${weightText(divergence.spread)} bits`,
    );
    const told =
      " apart, on average over queries: 0 for heads that read alike, 1 for heads that share no key";
    const isMeasured = Number.isFinite(divergence.mean);
    if (isPooled) this.apart.replaceChildren(...pooledApart(divergence.mean));
    else this.apart.replaceChildren(...(isMeasured ? [number, told] : []));
    this.note.textContent = note;
    this.note.hidden = !note;
  }

  /**
   * Fill both lists with the heads that can be compared.
   * @param {State} state
   */
  list(state) {
    const { page } = this.context;
    const maps = comparableMaps(page, page.map(state.map));
    const listed = maps.map(({ facts }) => facts.id).join();
    if (listed === this.listed) return;
    this.listed = listed;
    for (const select of [this.first, this.second]) {
      const groups = maps.map(({ facts, names }) => {
        const options = names.map((name) => element("option", { value: `${facts.id}/${name}` }, name));
        return maps.length > 1 ? [element("optgroup", { label: facts.title }, ...options)] : options;
      });
      select.replaceChildren(...groups.flat());
    }
  }
}

/**
 * @param {number} mean
 * @returns {(Node|string)[]}
 */
function pooledApart(mean) {
  const said = "Pooled cells are compared, not weights, so no divergence in bits can be told.";
  if (!Number.isFinite(mean)) return [said];
  return [said, " Cells differ by ", element("strong", {}, exactText(mean)), " on average."];
}

/**
 * @param {string} name
 * @param {HTMLSelectElement} select
 * @returns {HTMLElement}
 */
function compareField(name, select) {
  return element("div", { class: "field" }, element("label", { for: select.id }, name), select);
}

/**
 * @param {HTMLSelectElement} select
 * @returns {[string, string]} a map's id, and a head of it
 */
function pickedHead(select) {
  const cut = select.value.lastIndexOf("/");
  return [select.value.slice(0, cut), select.value.slice(cut + 1)];
}
