// The buttons beside the title.

import { element } from "../core/dom.js";
import { NEXT_THEME } from "./keys.js";
import { actionButton } from "./parts.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("./parts.js").Control} Control
 * @typedef {import("./takeaway.js").TakeAway} TakeAway
 */

/**
 * @param {Context} context
 * @param {TakeAway} taking
 * @param {() => void} help
 * @returns {Control}
 */
export function pageMenu({ page, store }, taking, help) {
  const theme = actionButton("", () => store.set({ theme: NEXT_THEME[store.state.theme] }), {
    hint: "Light or dark (key t)",
  });
  const items = [
    actionButton("Save the view as SVG", () => taking.saveSvg()),
    actionButton("Save the view as PNG", () => taking.savePng()),
    actionButton("Copy the head’s numbers (CSV)", () => taking.copyCsv()),
    actionButton("Save the head’s numbers (CSV)", () => taking.saveCsv()),
    ...(page.facts.inline ? [] : [actionButton("Copy a link to this view", () => taking.copyLink())]),
    actionButton("Print", () => print()),
  ];
  const buttons = [
    dropDown("Take away", items),
    theme,
    actionButton("?", help, { label: "Help", hint: "Help, and every key (key ?)" }),
  ];
  return {
    node: element("div", { class: "page-menu" }, ...buttons),
    update: (state) => (theme.textContent = `Theme: ${state.theme}`),
  };
}

/**
 * A button that opens a list of buttons.
 * @param {string} name
 * @param {HTMLButtonElement[]} items
 * @returns {HTMLDetailsElement}
 */
function dropDown(name, items) {
  const summary = element("summary", { class: "button" }, name);
  const list = element("div", { class: "drop-list" }, ...items);
  const menu = element("details", { class: "drop" }, summary, list);
  const close = () => {
    menu.open = false;
  };
  items.forEach((item) => item.addEventListener("click", close));
  document.addEventListener("pointerdown", ({ target }) => {
    if (target instanceof Node && !menu.contains(target)) close();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !menu.contains(relatedTarget)) close();
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    close();
    summary.focus();
  });
  return menu;
}
