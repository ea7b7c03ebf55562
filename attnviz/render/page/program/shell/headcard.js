// What is known of the head on screen, in a few words beside it.

import { element } from "../core/dom.js";
import { weightText } from "../core/words.js";

/**
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("./parts.js").Control} Control
 */

const WORDS_READ = 3;

/**
 * @param {Page} page
 * @returns {Control}
 */
export function headCard(page) {
  const node = element("dl", { class: "head-card" });
  let shown = "";
  return {
    node,
    update({ map: id, head }) {
      const map = page.map(id);
      const found = map.find(head);
      const facts = found && map.facts.focus[found.layer * map.facts.heads.length + found.head];
      node.hidden = !facts;
      if (!facts || shown === `${id} ${head}`) return;
      shown = `${id} ${head}`;
      node.replaceChildren(...cardRows(facts).flatMap(([name, value]) => cardRow(name, value)));
    },
  };
}

/**
 * @param {HeadFacts} facts
 * @returns {[string, (string|Node)[]][]}
 */
function cardRows({ taught, pattern, focus, breadth, distance }) {
  const tokens = [...new Set(focus.map(({ token }) => token))].slice(0, WORDS_READ);
  const read = tokens.flatMap((token, place) => [place > 0 ? ", " : "", element("bdi", {}, token)]);
  /** @type {[string, (string|Node)[]][]} */
  const rows = [
    ["Pattern", [patternText(pattern)]],
    ["Reads most", read.length > 0 ? read : ["nothing in particular"]],
    ["Breadth", [`${breadth.toFixed(1)} tokens`]],
    ["Distance", [`${distance.toFixed(1)} tokens`]],
  ];
  return taught ? [["Taught to follow", [taught]], ...rows] : rows;
}

/**
 * @param {import("../core/types.js").PatternFacts} pattern
 * @returns {string}
 */
function patternText({ label, nearest, score }) {
  const isClear = label === nearest;
  return isClear ? `${label} ${weightText(score)}` : `${label}; nearest: ${nearest} ${weightText(score)}`;
}

/**
 * @param {string} name
 * @param {(string|Node)[]} value
 * @returns {HTMLElement[]}
 */
function cardRow(name, value) {
  return [element("dt", {}, name), element("dd", {}, ...value)];
}
