// Layers opened when they are needed, and all the others in the background.

/**
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/state.js").Store} Store
 */

// Telling of every layer of a large page would draw all thumbnails as often; so many milliseconds lie between.
const PAUSE = 120;

/**
 * The heads a state shows.
 * @param {Page} page
 * @param {State} state
 * @returns {[AttentionMap, string][]}
 */
function headsOf(page, state) {
  const map = page.map(state.map);
  const other = state.otherMap === null ? map : page.map(state.otherMap);
  /** @type {[AttentionMap, string][]} */
  const heads = [[map, state.head]];
  // A cell tells its largest weight and its mean, whichever is drawn.
  if (map.twin) heads.push([map.twin, state.head]);
  if (state.other !== null) heads.push([other, state.other]);
  return heads;
}

/**
 * Whether all that a state shows is open.
 * @param {Page} page
 * @param {State} state
 * @returns {boolean}
 */
export function isReady(page, state) {
  return headsOf(page, state).every(([map, head]) => map.isOpen(head));
}

/**
 * Open what a state shows.
 * @param {Page} page
 * @param {State} state
 * @returns {Promise<unknown>}
 */
export function openShown(page, state) {
  return Promise.all(headsOf(page, state).map(([map, head]) => map.open(map.find(head)?.layer ?? 0)));
}

/**
 * Open everything, the map on screen first, and let everybody draw what is new.
 * @param {Page} page
 * @param {Store} store
 * @returns {Promise<void>}
 */
export async function openAll(page, store) {
  const first = page.map(store.state.map);
  let told = performance.now();
  for (const map of [first, ...page.maps.filter((map) => map !== first)]) {
    for (const layer of map.facts.layers.keys()) {
      if (map.levels[layer]) continue;
      await map.open(layer);
      await idle();
      if (performance.now() - told < PAUSE) continue;
      store.tell(new Set(["map"]));
      told = performance.now();
    }
  }
  store.tell(new Set(["map"]));
}

/** @returns {Promise<void>} once the reader's own events had their turn */
function idle() {
  return new Promise((done) => setTimeout(done));
}
