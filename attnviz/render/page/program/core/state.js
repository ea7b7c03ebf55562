// The one state: what is on screen. Views read it, change it, and are told what changed.

/**
 * @typedef {import("./types.js").State} State
 * @typedef {(state: State, changed: Set<keyof State>) => void} Listener
 */

/** @type {State} */
export const DEFAULTS = {
  view: "heatmap",
  map: "",
  head: "",
  also: "",
  tiles: "weights",
  other: null,
  otherMap: null,
  query: null,
  key: null,
  queryToken: null,
  keyToken: null,
  together: "head",
  words: false,
  special: true,
  scale: "linear",
  threshold: 0,
  zoom: null,
  step: null,
  search: "",
  sort: "head",
  filter: "",
  theme: "auto",
};

/** Holds the state, and tells everybody when it changes. */
export class Store {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    /** @type {Set<Listener>} */
    this.listeners = new Set();
  }

  /**
   * Change some fields; those that are as they were already count as unchanged.
   * @param {Partial<State>} fields
   */
  set(fields) {
    const next = { ...this.state, ...fields };
    /** @type {Set<keyof State>} */
    const changed = new Set();
    for (const name of /** @type {(keyof State)[]} */ (Object.keys(fields))) {
      if (String(next[name]) !== String(this.state[name])) changed.add(name);
    }
    if (changed.size === 0) return;
    this.state = next;
    this.tell(changed);
  }

  /**
   * Let everybody draw again, as if these fields had changed.
   * @param {Set<keyof State>} changed
   */
  tell(changed) {
    for (const listener of [...this.listeners]) listener(this.state, changed);
  }

  /**
   * @param {Listener} listener
   * @returns {() => void} stop listening
   */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
