// A window with every key, and what a reader should know about the numbers.

import { element } from "../core/dom.js";
import { actionButton, onOff } from "./parts.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").View} View
 * @typedef {import("./keys.js").Shortcut} Shortcut
 */

/**
 * @typedef {object} Help
 * @property {(keys: Shortcut[]) => void} open
 * @property {() => boolean} wanted whether single keys shall act
 */

/**
 * @param {View[]} views
 * @param {Context} context
 * @returns {Help}
 */
export function helpWindow(views, { page, store }) {
  const dialog = element("dialog", { class: "dialog help", "aria-labelledby": "help-title" });
  const { node, input } = onOff(
    "Single keys act",
    () => {},
    "Turn this off where single keys get in your way",
  );
  input.checked = true;
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return {
    wanted: () => input.checked,
    open(keys) {
      const close = actionButton("Close", () => dialog.close());
      const head = element(
        "div",
        { class: "dialog-head" },
        element("h2", { id: "help-title" }, "Help"),
        close,
      );
      const offered = views.filter((view) => view.offered(page, store.state));
      dialog.replaceChildren(head, reading(), keyTables(keys, offered), node);
      dialog.showModal();
      close.focus();
    },
  };
}

/** @returns {HTMLElement} */
function reading() {
  const sentences = [
    "Attention lets each token look at others. The token that looks is the query, those it looks at are the keys.",
    "A weight says how much of what a query reads comes from a key; the weights of one query add up to 1.",
    "A head is one such way of looking. Each layer of a model has several: L3H7 is head 7 of layer 3, counted from 0.",
  ];
  return element("div", { class: "reading" }, ...sentences.map((sentence) => element("p", {}, sentence)));
}

/**
 * @param {Shortcut[]} keys
 * @param {View[]} views
 * @returns {HTMLElement}
 */
function keyTables(keys, views) {
  const everywhere = keys
    .filter(({ shown }) => shown !== "")
    .map(({ key, what, shown }) => ({ key: shown ?? key, what }));
  const own = views.flatMap(({ title, keys: rows }) => (rows?.length ? [keyTable(title, rows)] : []));
  return element("div", { class: "key-tables" }, keyTable("Everywhere", everywhere), ...own);
}

/**
 * @param {string} title
 * @param {{key: string, what: string}[]} rows
 * @returns {HTMLElement}
 */
function keyTable(title, rows) {
  const lines = rows.flatMap(({ key, what }) => [
    element("dt", {}, ...key.split(" ").map((part) => (part === "–" ? part : element("kbd", {}, part)))),
    element("dd", {}, what),
  ]);
  return element("section", {}, element("h3", {}, title), element("dl", { class: "keys" }, ...lines));
}
