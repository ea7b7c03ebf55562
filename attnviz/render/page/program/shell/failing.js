// When the page cannot be opened at all, the reader is told so instead of nothing.

import { element } from "../core/dom.js";

/**
 * Do something the page cannot be without.
 * @param {() => Promise<void>} act
 * @returns {Promise<void>}
 */
export async function orSayWhy(act) {
  try {
    await act();
  } catch (error) {
    document.documentElement.dataset.failed = "1";
    document.getElementById("main")?.prepend(failureNote(error));
  }
}

/**
 * @param {unknown} error
 * @returns {HTMLElement}
 */
function failureNote(error) {
  const why = error instanceof Error ? error.message : String(error);
  return element(
    "div",
    { class: "panel failure", role: "alert" },
    element("h2", {}, "This page could not be opened whole"),
    element("p", {}, "The file may be damaged, or this browser too old: it needs one of 2023 or later."),
    element("p", { class: "note" }, why),
  );
}
