// Which heads of a layer are drawn: a row of switches, each with its head's colour.

import { element } from "../core/dom.js";
import { LINES_HEADS, linesTurned } from "./lines-chosen.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 */

/** The switches, in the order of the heads. */
export class LinesHeadRow {
  /**
   * @param {Context} context
   * @param {(place: number) => void} alone draw only this one of those that are on; -1 for all of them
   */
  constructor(context, alone) {
    this.context = context;
    this.alone = alone;
    this.node = element("div", { class: "lines-heads", role: "group" });
    this.built = "";
    /** @type {string[]} */
    this.names = [];
    this.node.addEventListener("click", (event) => this.turn(event.target));
    for (const name of ["pointerover", "focusin"])
      this.node.addEventListener(name, (event) => this.look(event.target));
    for (const name of ["pointerleave", "focusout"]) this.node.addEventListener(name, () => alone(-1));
  }

  /**
   * @param {State} state
   * @param {string[]} names of those that are on
   * @param {string[]} colors
   */
  update(state, names, colors) {
    const map = this.context.page.map(state.map);
    const layer = map.find(state.head)?.layer ?? 0;
    const { heads, layers } = map.facts;
    this.node.hidden = heads.length < 2;
    this.names = names;
    const built = `${state.map} ${layer}`;
    if (built !== this.built) {
      this.built = built;
      this.node.setAttribute("aria-label", `heads of layer ${layers[layer]}`);
      const own = map.names.slice(layer * heads.length, (layer + 1) * heads.length);
      this.node.replaceChildren(
        element("span", { class: "lines-layer", "aria-hidden": "true" }, `L${layers[layer]}`),
        ...own.map((name, place) => linesSwitch(name, heads[place])),
        element("button", { type: "button", class: "lines-one", "data-one": true }, "one only"),
      );
    }
    for (const button of this.node.querySelectorAll("button")) {
      const place = names.indexOf(button.dataset.name ?? "");
      if (button.dataset.name) button.setAttribute("aria-pressed", String(place >= 0));
      const swatch = /** @type {HTMLElement|null} */ (button.querySelector(".lines-swatch"));
      if (swatch) swatch.style.background = place >= 0 ? colors[place] : "";
      if (button.dataset.one !== undefined) button.hidden = names.length < 2;
    }
  }

  /** @param {EventTarget|null} target */
  turn(target) {
    const button = target instanceof Element ? target.closest("button") : null;
    if (!button) return;
    const { store, page, say } = this.context;
    if (!button.dataset.name) return store.set({ also: "" });
    const after = linesTurned(page.map(store.state.map), store.state, button.dataset.name);
    if (after) store.set(after);
    else if (this.names.length > 1)
      say(`At most ${LINES_HEADS} heads are drawn at once: turn one off first.`);
  }

  /** @param {EventTarget|null} target */
  look(target) {
    const button = target instanceof Element ? target.closest("button") : null;
    this.alone(this.names.length > 1 ? this.names.indexOf(button?.dataset.name ?? "") : -1);
  }
}

/**
 * @param {string} name
 * @param {number} number
 * @returns {HTMLElement}
 */
function linesSwitch(name, number) {
  const swatch = element("span", { class: "lines-swatch", "aria-hidden": "true" });
  const look = { type: "button", class: "lines-switch", "data-name": name, title: name };
  return element("button", look, swatch, `H${number}`);
}
