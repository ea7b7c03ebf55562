// One tab for each view that this page has.

import { element, setAttribute } from "../core/dom.js";

/**
 * @typedef {import("../core/types.js").View} View
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./parts.js").Control} Control
 */

/**
 * Views the state's map has something for.
 * @param {View[]} views
 * @param {Context} context
 * @param {State} state
 * @returns {View[]}
 */
export function offeredViews(views, { page }, state) {
  return views.filter((view) => view.offered(page, state));
}

/**
 * Views that have a tab: those that are offered, and those that say why they are not.
 * @param {View[]} views
 * @param {Context} context
 * @param {State} state
 * @returns {View[]}
 */
export function tabbedViews(views, { page }, state) {
  return views.filter((view) => view.offered(page, state) || view.off?.(page, state));
}

/**
 * Show a view, or say why it is off.
 * @param {View} view
 * @param {Context} context
 */
export function openView(view, { page, store, say }) {
  const why = view.offered(page, store.state) ? null : view.off?.(page, store.state);
  if (why) say(`${view.title} is off: ${why}`);
  else store.set({ view: view.name });
}

/**
 * The view a state shows: the one it names or, where the page has none of that name, the heatmap.
 * @param {View[]} views
 * @param {Context} context
 * @param {State} state
 * @returns {View}
 */
export function chosenView(views, context, state) {
  const offered = offeredViews(views, context, state);
  const named = (/** @type {string} */ name) => offered.find((view) => view.name === name);
  return named(state.view) ?? named("heatmap") ?? offered[0];
}

/**
 * @param {View[]} views
 * @param {Context} context
 * @param {HTMLElement} panel what the tabs choose the content of
 * @returns {Control}
 */
export function tabList(views, context, panel) {
  const { page } = context;
  const list = element("div", { class: "tabs", role: "tablist", "aria-label": "Views" });
  const tabs = views.map((view) => tabOf(view, panel, () => openView(view, context)));
  list.append(...tabs);
  list.addEventListener("keydown", (event) => moveTab(event, tabs));
  return {
    node: list,
    update(state) {
      const offered = offeredViews(views, context, state);
      const chosen = chosenView(views, context, state);
      tabs.forEach((tab, place) => {
        const isOffered = offered.includes(views[place]);
        const why = isOffered ? null : views[place].off?.(page, state);
        tab.hidden = !isOffered && !why;
        tab.title = why ? `Off: ${why}` : views[place].hint;
        setAttribute(tab, "aria-disabled", why ? "true" : null);
        tab.setAttribute("aria-selected", String(views[place] === chosen));
        tab.tabIndex = views[place] === chosen ? 0 : -1;
        if (views[place] === chosen) showTab(list, tab);
      });
      panel.setAttribute("aria-labelledby", `tab-${chosen.name}`);
    },
  };
}

/**
 * @param {View} view
 * @param {HTMLElement} panel
 * @param {() => void} choose
 * @returns {HTMLButtonElement}
 */
function tabOf(view, panel, choose) {
  const controls = { id: `tab-${view.name}`, role: "tab", "aria-controls": panel.id };
  const tab = element("button", { type: "button", class: "tab", title: view.hint, ...controls }, view.title);
  tab.addEventListener("click", choose);
  return tab;
}

/**
 * Scroll the row of tabs, and nothing else, until a tab is seen.
 * @param {HTMLElement} list
 * @param {HTMLElement} tab
 */
function showTab(list, tab) {
  const left = tab.offsetLeft - list.offsetLeft;
  const right = left + tab.offsetWidth;
  if (left < list.scrollLeft) list.scrollLeft = left - tab.offsetWidth / 2;
  else if (right > list.scrollLeft + list.clientWidth)
    list.scrollLeft = right - list.clientWidth + tab.offsetWidth / 2;
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLButtonElement[]} tabs
 */
function moveTab(event, tabs) {
  const shown = tabs.filter((tab) => !tab.hidden);
  const place = shown.indexOf(/** @type {HTMLButtonElement} */ (event.target));
  /** @type {Object<string, number>} */
  const goals = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: shown.length - 1 };
  const goal = goals[event.key];
  if (goal === undefined || place < 0) return;
  event.preventDefault();
  const tab = shown[(goal + shown.length) % shown.length];
  tab.click();
  tab.focus();
}
