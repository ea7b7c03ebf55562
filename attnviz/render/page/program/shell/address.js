// The link follows the state, and the state the link.

import { fromFragment, openingState, toFragment } from "../core/fragment.js";

/**
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/state.js").Store} Store
 */

// Browsers refuse more than some hundred changes of a link in half a minute.
const QUIET = 200;

/**
 * @param {Page} page
 * @param {Store} store
 */
export function followAddress(page, store) {
  let timer = 0;
  store.listen(() => {
    clearTimeout(timer);
    timer = window.setTimeout(() => writeAddress(fragmentNow(page, store)), QUIET);
  });
  addEventListener("hashchange", () => store.set(fromFragment(location.hash, openingState(page), page)));
}

/**
 * @param {Page} page
 * @param {Store} store
 * @returns {string} what a link to this very state has behind the #
 */
function fragmentNow(page, store) {
  return toFragment(store.state, openingState(page));
}

/**
 * Give a link that opens the page as it is now.
 * @param {Page} page
 * @param {Store} store
 * @returns {string}
 */
export function linkNow(page, store) {
  return `${location.href.split("#")[0]}#${fragmentNow(page, store)}`;
}

/**
 * @param {string} fragment
 */
function writeAddress(fragment) {
  if (fragment === location.hash.slice(1)) return;
  try {
    history.replaceState(null, "", `#${fragment}`);
  } catch (error) {
    // A page inside another one, such as a notebook, has no address of its own to change.
    if (!(error instanceof DOMException && error.name === "SecurityError")) throw error;
  }
}
