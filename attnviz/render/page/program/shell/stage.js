// The place of the view: one at a time, drawn when what it shows is open, and again when its place changes.

import { isReady, openShown } from "./opening.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Mounted} Mounted
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").View} View
 */

/** Where a view stands. */
export class Stage {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   * @param {(state: State) => View|null} choose
   */
  constructor(host, context, choose) {
    this.host = host;
    this.context = context;
    this.choose = choose;
    /** @type {View|null} */
    this.view = null;
    /** @type {Mounted|null} */
    this.mounted = null;
    /** @type {Set<keyof State>} fields that changed while layers were being opened */
    this.waiting = new Set();
    this.size = "";
    host.hidden = true;
    new ResizeObserver(() => requestAnimationFrame(() => this.resized())).observe(host);
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} changed
   */
  update(state, changed) {
    for (const name of changed) this.waiting.add(name);
    if (isReady(this.context.page, state)) this.draw();
    else void this.wait(state);
  }

  /** @param {State} state */
  async wait(state) {
    this.host.setAttribute("aria-busy", "true");
    await openShown(this.context.page, state);
    if (isReady(this.context.page, this.context.store.state) && this.waiting.size > 0) this.draw();
  }

  draw() {
    this.host.removeAttribute("aria-busy");
    const { state } = this.context.store;
    const changed = this.waiting;
    this.waiting = new Set();
    const view = this.choose(state);
    const fresh = view !== this.view;
    if (fresh) this.mount(view);
    const all = new Set(/** @type {(keyof State)[]} */ (Object.keys(state)));
    this.mounted?.update(state, fresh ? all : changed);
    this.size = this.measured();
  }

  /** @param {View|null} view */
  mount(view) {
    this.mounted?.close();
    this.host.replaceChildren();
    this.host.dataset.view = view?.name ?? "";
    this.host.hidden = view === null;
    this.host.scrollTo(0, 0);
    this.view = view;
    this.mounted = view ? view.mount(this.host, this.context) : null;
  }

  resized() {
    const size = this.measured();
    if (size === this.size || this.waiting.size > 0) return;
    this.mounted?.update(this.context.store.state, new Set(["theme"]));
    this.size = this.measured();
  }

  /** @returns {string} */
  measured() {
    return `${this.host.clientWidth} ${this.host.clientHeight}`;
  }
}
