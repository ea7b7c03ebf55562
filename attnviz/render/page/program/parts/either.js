// A view that is another one of texts too long for every weight.

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").Mounted} Mounted
 * @typedef {import("../core/types.js").State} State
 * @typedef {(host: HTMLElement, map: AttentionMap) => Mounted} MountFor
 */

/**
 * Say why a view of single weights has nothing to show.
 * @param {AttentionMap} map
 * @returns {string|null} null where it has
 */
export function whyNoLinks(map) {
  return map.facts.pooling && !map.top ? "this page holds pooled cells and no single weights" : null;
}

/**
 * Mount what fits the map on screen, and the other one whenever a map of the other kind is.
 * @param {HTMLElement} host
 * @param {Context} context
 * @param {MountFor} mount
 * @returns {Mounted}
 */
export function mountEither(host, context, mount) {
  return new EitherMounted(host, context, mount);
}

/** @implements {Mounted} */
class EitherMounted {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   * @param {MountFor} mount
   */
  constructor(host, context, mount) {
    this.host = host;
    this.context = context;
    this.mount = mount;
    this.isLong = this.isOfLong(context.store.state);
    this.mounted = mount(host, context.page.map(context.store.state.map));
  }

  /**
   * @param {State} state
   * @returns {boolean}
   */
  isOfLong(state) {
    return this.context.page.map(state.map).facts.pooling !== undefined;
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} changed
   */
  update(state, changed) {
    const isLong = this.isOfLong(state);
    if (isLong === this.isLong) return this.mounted.update(state, changed);
    this.isLong = isLong;
    this.mounted.close();
    this.mounted = this.mount(this.host, this.context.page.map(state.map));
    this.mounted.update(state, new Set(/** @type {(keyof State)[]} */ (Object.keys(state))));
  }

  /** @returns {Drawing|null} */
  drawing() {
    return this.mounted.drawing();
  }

  close() {
    this.mounted.close();
  }
}
