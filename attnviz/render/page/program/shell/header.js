// What stands above and below the view: whose attention this is, and what it does not say.

import { element } from "../core/dom.js";

/**
 * @typedef {import("../core/data.js").Page} Page
 */

// What would act on the line it stands in, or is no character at all.
const ACTING = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/**
 * @param {Page} page
 * @param {HTMLElement} actions
 * @returns {HTMLElement[]}
 */
export function heading(page, actions) {
  const { title, model, text, caution, maps } = page.facts;
  const titles = element("div", { class: "titles" }, element("h1", { dir: "auto" }, title));
  const sentence = text.replace(ACTING, " ").trim();
  // A title that is the text, or as much of it as fits, need not be followed by the text.
  const told = sentence.startsWith(title.replace(/…$/, ""));
  if (sentence && !told) titles.append(element("p", { class: "sentence", dir: "auto" }, sentence));
  const whose = element("p", {}, element("bdi", {}, model), headsText(maps[0]));
  const meta = element("div", { class: "meta" }, whose, element("p", { role: "note" }, caution));
  return [titles, meta, actions];
}

/**
 * @param {import("../core/types.js").MapFacts} map
 * @returns {string} such as ", 6 layers of 12 heads"
 */
function headsText({ layers, heads }) {
  const counted = (/** @type {number} */ count, /** @type {string} */ name) =>
    `${count} ${name}${count === 1 ? "" : "s"}`;
  const each = heads[0] < 0 ? "" : ` of ${counted(heads.length, "head")}`;
  return `, ${counted(layers.length, "layer")}${each}`;
}

/**
 * @param {Page} page
 * @returns {HTMLElement[]}
 */
export function colophon(page) {
  const { version, model, revision, maps } = page.facts;
  const error = Math.max(...maps.map((map) => map.error));
  const parts = [`attnviz ${version}`, revision ? `${model} at ${revision.slice(0, 12)}` : model];
  if (error > 0) parts.push(`weights within 1/${Math.round(1 / error)} of their row's largest`);
  return [
    element("p", { class: "note" }, `${parts.join(" · ")}. All of it is in this file; nothing is fetched.`),
  ];
}
