// What stands above and below the view: whose attention this is, and what it does not say.

import { element } from "../core/dom.js";

/**
 * @typedef {import("../core/data.js").Page} Page
 */

/**
 * @param {Page} page
 * @param {HTMLElement} actions
 * @returns {HTMLElement[]}
 */
export function heading(page, actions) {
  const { title, model, text, caution, maps } = page.facts;
  const heads = maps[0].layers.length * maps[0].heads.length;
  const count = maps[0].heads[0] < 0 ? "" : `, ${heads} ${heads === 1 ? "head" : "heads"}`;
  const texts = element("div", { class: "titles" }, element("h1", { dir: "auto" }, title));
  if (text && text !== title)
    texts.append(element("p", { class: "sentence", dir: "auto", title: text }, text));
  texts.append(element("p", { class: "model" }, element("bdi", {}, model), count));
  return [texts, actions, element("p", { class: "caution", role: "note" }, caution)];
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
