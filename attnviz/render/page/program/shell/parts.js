// What controls are made of.

import { element } from "../core/dom.js";

/**
 * @typedef {import("../core/types.js").State} State
 * @typedef {{node: HTMLElement, update: (state: State) => void}} Control something that shows and changes the state
 */

/**
 * @param {string} text
 * @param {() => void} act
 * @param {{label?: string, hint?: string, plain?: boolean}} [options] `label` for a text that is only a sign
 * @returns {HTMLButtonElement}
 */
export function actionButton(text, act, { label, hint, plain = false } = {}) {
  const look = plain ? "button plain" : "button";
  const button = element(
    "button",
    { type: "button", class: look, "aria-label": label, title: hint ?? label },
    text,
  );
  button.addEventListener("click", act);
  return button;
}

/**
 * @param {string} text
 * @param {(on: boolean) => void} turn
 * @param {string} [hint]
 * @returns {{node: HTMLLabelElement, input: HTMLInputElement}}
 */
export function onOff(text, turn, hint) {
  const input = element("input", { type: "checkbox" });
  input.addEventListener("change", () => turn(input.checked));
  return {
    node: element("label", { class: "switch", title: hint }, input, element("span", {}, text)),
    input,
  };
}

/**
 * Put a name above a control.
 * @param {string} name
 * @param {HTMLElement} control
 * @param {...HTMLElement} rest
 * @returns {HTMLElement}
 */
export function named(name, control, ...rest) {
  control.id ||= `control-${name.toLowerCase().replace(/\W+/g, "-")}`;
  return element("div", { class: "field" }, element("label", { for: control.id }, name), control, ...rest);
}

/**
 * @param {{label: string, max: number, step?: number}} range from 0 to `max`
 * @param {(value: number) => void} moved
 * @returns {HTMLInputElement}
 */
export function slider({ label, max, step = 1 }, moved) {
  const input = element("input", { type: "range", min: 0, max, step, "aria-label": label });
  input.addEventListener("input", () => moved(input.valueAsNumber));
  return input;
}

/**
 * Set a slider, and what it is called there.
 * @param {HTMLInputElement} input
 * @param {number} value
 * @param {string} text
 */
export function slide(input, value, text) {
  input.value = String(value);
  input.setAttribute("aria-valuetext", text);
}
