// Look for a token: type, and the first that reads so is picked; then on to the next.

import { element } from "../core/dom.js";
import { matchesOf, matchPicked } from "./moves.js";
import { actionButton, named } from "./parts.js";

/**
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("./parts.js").Control} Control
 */

/**
 * @param {Context} context
 * @returns {Control & {focus: () => void}}
 */
export function searchField(context) {
  const { page, store } = context;
  const input = element("input", {
    type: "search",
    placeholder: "a token",
    autocomplete: "off",
    spellcheck: "false",
  });
  const told = element("output", { class: "value" });
  const step = (/** @type {number} */ by) => stepToMatch(context, by);
  const before = actionButton("‹", () => step(-1), { label: "Previous match" });
  const after = actionButton("›", () => step(1), { label: "Next match" });
  input.dir = "auto";
  input.addEventListener("input", () => {
    store.set({ search: input.value });
    const matches = matchesOf(page.map(store.state.map), store.state);
    if (matches.length > 0 && matchPicked(matches, store.state) < 0) step(1);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
  });
  const field = named("Find", input);
  field.classList.add("search");
  const steps = element("span", { class: "stepper" }, before, after, told);
  field.append(steps);
  return {
    node: field,
    focus: () => {
      const sheet = field.closest("details");
      if (sheet) sheet.open = true;
      input.select();
    },
    update(state) {
      if (input.value !== state.search) input.value = state.search;
      const matches = matchesOf(page.map(state.map), state);
      const place = matchPicked(matches, state);
      steps.hidden = state.search.trim() === "";
      before.disabled = after.disabled = matches.length === 0;
      told.textContent =
        matches.length === 0 ? "none" : `${place < 0 ? "–" : place + 1} of ${matches.length}`;
    },
  };
}

/**
 * Pick the match so many further; after the last one comes the first.
 * @param {Context} context
 * @param {number} by
 */
function stepToMatch({ page, store, say }, by) {
  const matches = matchesOf(page.map(store.state.map), store.state);
  if (matches.length === 0) return;
  const place = matchPicked(matches, store.state);
  const next = place < 0 ? (by > 0 ? 0 : matches.length - 1) : (place + by + matches.length) % matches.length;
  const { side, position, text, token } = matches[next];
  const picked = { query: null, key: null, queryToken: null, keyToken: null, [side]: position };
  store.set(token === undefined ? picked : { ...picked, [`${side}Token`]: token });
  say(`${text}, ${side} ${token ?? position}: match ${next + 1} of ${matches.length}`);
}
