// The page around the views: everything made, put in its place, and told of every change.

import { element } from "../core/dom.js";
import { followAddress } from "./address.js";
import { heading, colophon } from "./header.js";
import { headCard } from "./headcard.js";
import { headPicker, layerSlider, mapPicker } from "./heads.js";
import { helpWindow } from "./help.js";
import { listenToKeys, shortcuts } from "./keys.js";
import { pageMenu } from "./menu.js";
import { openShown } from "./opening.js";
import {
  resetButton,
  scaleSwitch,
  specialSwitch,
  stepSlider,
  thresholdSlider,
  wordsSwitch,
} from "./options.js";
import { statisticSwitch } from "./pooling.js";
import { preparePrint } from "./printing.js";
import { sayingLine } from "./saying.js";
import { searchField } from "./searching.js";
import { Stage } from "./stage.js";
import { chosenView, tabList } from "./tabs.js";
import { TakeAway } from "./takeaway.js";
import { watchTheme } from "./theming.js";

/**
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/state.js").Store} Store
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").View} View
 * @typedef {import("./parts.js").Control} Control
 */

// From here on the heads stand beside the view; `styles/base.css` has the same width.
const BESIDE = "(min-width: 64rem)";

// From here on there is room for the options; again as in the style sheet.
const UNFOLDED = "(min-width: 48rem)";

/**
 * Build the page around a state, and draw.
 * @param {Page} page
 * @param {Store} store
 * @param {View[]} views
 * @returns {Promise<void>} until the first view is drawn
 */
export async function openShell(page, store, views) {
  const palette = watchTheme(page, store);
  const line = sayingLine();
  /** @type {Context} */
  const context = { page, store, palette, say: line.say };
  const panel = element("section", { class: "view", id: "view", role: "tabpanel", tabindex: -1 });
  const stage = new Stage(panel, context, (state) => chosenView(views, context, state));
  const rail = headRail(context, views);
  const controls = fillPage(context, views, { stage, rail: rail.host, line: line.node });
  const update = (/** @type {State} */ state, /** @type {Set<keyof State>} */ changed) => {
    for (const control of controls) control.update(state);
    stage.update(state, changed);
    rail.update(state, changed);
  };
  store.listen(update);
  followAddress(page, store);
  matchMedia(BESIDE).addEventListener("change", () => store.tell(new Set(["theme"])));
  await openShown(page, store.state);
  store.tell(new Set(/** @type {(keyof State)[]} */ (Object.keys(store.state))));
}

/**
 * Every head, small, beside any view but the one that shows them large.
 * @param {Context} context
 * @param {View[]} views
 * @returns {Stage}
 */
function headRail(context, views) {
  const grid = views.find(({ name }) => name === "grid") ?? null;
  const host = element("div", { class: "view small" });
  const wide = matchMedia(BESIDE);
  return new Stage(host, context, (state) => {
    const several = context.page.map(state.map).names.length > 1;
    return wide.matches && several && chosenView(views, context, state) !== grid ? grid : null;
  });
}

/**
 * Put everything in its place.
 * @param {Context} context
 * @param {View[]} views
 * @param {{stage: Stage, rail: HTMLElement, line: HTMLElement}} parts
 * @returns {Control[]}
 */
function fillPage(context, views, { stage, rail, line }) {
  const { page, store } = context;
  const taking = new TakeAway(context, stage);
  const search = searchField(context);
  const help = helpWindow(views, context);
  const keys = shortcuts(views, context, { help: () => help.open(keys), search: search.focus });
  const menu = pageMenu(context, taking, () => help.open(keys));
  const picks = [mapPicker(page, store), headPicker(page, store), layerSlider(page, store)];
  const pooling = statisticSwitch(page, store);
  const card = headCard(page);
  const options = optionControls(context, search);
  const sheet = optionSheet(context, views, options);
  const tabs = tabList(views, context, stage.host);
  const hint = hintLine(context, views);
  const paper = element("div", { class: "paper", hidden: true });

  fill("head", ...heading(page, menu.node));
  fill("rail", ...picks.map(({ node }) => node), pooling.node, rail, card.node);
  fill("main", tabs.node, sheet.node, hint.node, stage.host, paper, line);
  fill("foot", ...colophon(page));
  skipTo(stage.host);
  listenToKeys(keys, help.wanted, context.say);
  preparePrint(context, taking, paper);
  return [menu, ...picks, pooling, card, tabs, ...options, sheet, hint];
}

/**
 * @param {Context} context
 * @param {Control} search
 * @returns {Control[]}
 */
function optionControls({ page, store }, search) {
  const weighing = [
    wordsSwitch(page, store),
    specialSwitch(page, store),
    scaleSwitch(store),
    thresholdSlider(store),
  ];
  for (const { node } of weighing) node.classList.add("of-weights");
  return [...weighing, stepSlider(page, store), search, resetButton(page, store)];
}

/**
 * Options in a row; on a narrow screen they fold. Those of weights are away where none are drawn.
 * @param {Context} context
 * @param {View[]} views
 * @param {Control[]} options
 * @returns {Control}
 */
function optionSheet(context, views, options) {
  const row = element("div", { class: "option-row" }, ...options.map(({ node }) => node));
  const sheet = element("details", { class: "options" }, element("summary", {}, "Options and search"), row);
  const wide = matchMedia(UNFOLDED);
  const fold = () => (sheet.open = wide.matches);
  wide.addEventListener("change", fold);
  fold();
  return {
    node: sheet,
    update: (state) =>
      row.classList.toggle("unweighed", chosenView(views, context, state).unweighed ?? false),
  };
}

/**
 * @param {Context} context
 * @param {View[]} views
 * @returns {Control}
 */
function hintLine(context, views) {
  const node = element("p", { class: "hint" });
  return {
    node,
    update: (state) => {
      const { hint, longHint } = chosenView(views, context, state);
      const isLong = context.page.map(state.map).facts.pooling !== undefined;
      node.textContent = (isLong && longHint) || hint;
    },
  };
}

/**
 * @param {string} id
 * @param {...HTMLElement} content
 */
function fill(id, ...content) {
  document.getElementById(id)?.replaceChildren(...content);
}

/**
 * Let the skip link do its work without writing its goal into the link, which holds the state.
 * @param {HTMLElement} goal
 */
function skipTo(goal) {
  document.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    goal.focus();
  });
}
