// The controls of views that lay weights over what was read: in which direction, and of which heads.

import { css } from "../core/colors.js";
import { element } from "../core/dom.js";
import { weightText } from "../core/words.js";

/**
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/types.js").RGB} RGB
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./textreading.js").TextWay} TextWay
 */

const MASS_WAYS = /** @type {["reads"|"readers", string][]} */ ([
  ["reads", "Whom it reads"],
  ["readers", "Who reads it"],
]);

const MASS_TOGETHER = /** @type {[State["together"], string][]} */ ([
  ["head", "This head"],
  ["layer", "Mean of its layer"],
  ["all", "Mean of all heads"],
]);

/**
 * @param {{turn: (way: "reads"|"readers") => void, bring: (together: State["together"]) => void}} acts
 * @param {...HTMLElement} more
 * @returns {{node: HTMLElement, update: (way: TextWay, together: State["together"], heads: number) => void}}
 */
export function massControls({ turn, bring }, ...more) {
  const buttons = MASS_WAYS.map(([way, title]) => {
    const button = element("button", { type: "button", class: "button", "aria-pressed": "false" }, title);
    button.addEventListener("click", () => turn(way));
    return button;
  });
  const options = MASS_TOGETHER.map(([value, title]) => element("option", { value }, title));
  const heads = element("select", { class: "select", "aria-label": "Whose weights" }, ...options);
  heads.addEventListener("change", () => bring(/** @type {State["together"]} */ (heads.value)));
  const group = element("div", { class: "text-ways", role: "group", "aria-label": "Direction" }, ...buttons);
  const node = element("div", { class: "text-controls" }, group, heads, ...more);
  const update = (
    /** @type {TextWay} */ way,
    /** @type {State["together"]} */ together,
    /** @type {number} */ count,
  ) => {
    heads.value = together;
    heads.hidden = count === 1;
    buttons.forEach((button, place) =>
      button.setAttribute("aria-pressed", String(MASS_WAYS[place][0] === way)),
    );
  };
  return { node, update };
}

const MASS_STEPS = 16;

/**
 * Draw the scale of colours.
 * @param {(share: number) => RGB|null} tint
 * @param {Palette} palette
 * @param {number} top the weight at its end
 * @returns {(Node|string)[]}
 */
export function massLegend(tint, palette, top) {
  const bar = element("span", { class: "text-scale", "aria-hidden": "true" });
  const colors = Array.from({ length: MASS_STEPS + 1 }, (_, step) => tint(step / MASS_STEPS));
  const stops = colors.map((color) => (color ? css(color) : palette.background));
  bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
  return ["0", bar, weightText(top)];
}
