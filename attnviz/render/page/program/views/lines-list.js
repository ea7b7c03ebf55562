// One side of the lines: its tokens, one below the other, each to be pointed at and picked.

import { shareOf } from "../core/colors.js";
import { element, setAttribute } from "../core/dom.js";
import { weightText } from "../core/words.js";
import { labelText } from "../parts/axis.js";

/**
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("./lines-layout.js").LinesSide} LinesSide
 * @typedef {{text: string, tint: string}} LinesValue what stands beside a token, and the colour behind it
 * @typedef {object} LinesActs
 * @property {(side: LinesSide, place: number) => void} point
 * @property {() => void} leave
 * @property {(side: LinesSide, place: number) => void} pick
 * @property {(event: KeyboardEvent, side: LinesSide, place: number) => void} press
 */

/**
 * @typedef {object} LinesMarks
 * @property {number} picked
 * @property {number[]} on those looked at
 * @property {Map<number, LinesValue>|null} values of this side's tokens; null where no token is looked at alone
 * @property {number} newest
 */

/** The tokens of a side. */
export class LinesList {
  /**
   * @param {LinesSide} side
   * @param {LinesActs} acts
   */
  constructor(side, acts) {
    this.side = side;
    this.acts = acts;
    const name = side === "query" ? "queries, which read" : "keys, which are read";
    this.node = element("div", { class: `lines-side lines-${side}`, role: "listbox", "aria-label": name });
    /** @type {HTMLElement[]} */
    this.options = [];
    this.stop = 0;
    this.built = "";
    this.listen();
  }

  /**
   * Show these tokens.
   * @param {Label[]} labels
   * @param {string} search those that contain it are marked
   */
  show(labels, search) {
    const built = JSON.stringify([labels.map(({ text, kind }) => [text, kind]), search]);
    if (built === this.built) return;
    const { activeElement } = document;
    const focused = this.options.findIndex((option) => option === activeElement);
    this.built = built;
    const sought = search.trim().toLowerCase();
    this.options = labels.map((label, place) => linesOption(label, place, sought));
    this.node.replaceChildren(...this.options);
    this.rest(Math.min(this.stop, labels.length - 1));
    if (focused >= 0) this.options[Math.min(focused, labels.length - 1)]?.focus({ preventScroll: true });
  }

  /** @param {LinesMarks} marks */
  mark({ picked, on, values, newest }) {
    this.options.forEach((option, place) => {
      const value = values?.get(place);
      option.classList.toggle("lines-on", on.includes(place));
      option.classList.toggle("lines-off", values !== null && !value && !on.includes(place));
      option.classList.toggle("lines-valued", value !== undefined);
      option.classList.toggle("lines-newest", place === newest);
      option.setAttribute("aria-selected", String(place === picked));
      option.style.background = value?.tint ?? "";
      if (option.lastElementChild) option.lastElementChild.textContent = value?.text ?? "";
    });
  }

  /**
   * Let the tab key stop at a token.
   * @param {number} place
   */
  rest(place) {
    this.options[this.stop]?.setAttribute("tabindex", "-1");
    this.stop = Math.max(0, place);
    this.options[this.stop]?.setAttribute("tabindex", "0");
  }

  /** @param {number} place */
  focus(place) {
    this.rest(place);
    this.options[place]?.focus({ preventScroll: true });
  }

  listen() {
    const at = (/** @type {Event} */ event) => linesPlaceAt(event.target);
    this.node.addEventListener("pointerover", (event) => {
      const place = at(event);
      if (place >= 0 && event.pointerType !== "touch") this.acts.point(this.side, place);
    });
    this.node.addEventListener("pointerleave", () => this.acts.leave());
    this.node.addEventListener("click", (event) => {
      if (at(event) >= 0) this.acts.pick(this.side, at(event));
    });
    this.node.addEventListener("focusin", (event) => {
      const place = at(event);
      if (place < 0) return;
      this.rest(place);
      if (this.options[place].matches(":focus-visible")) this.acts.point(this.side, place);
    });
    this.node.addEventListener("focusout", () => this.acts.leave());
    this.node.addEventListener("keydown", (event) => {
      if (at(event) >= 0) this.acts.press(event, this.side, at(event));
    });
  }
}

/**
 * @param {Label} label
 * @param {number} place
 * @param {string} sought
 * @returns {HTMLElement}
 */
function linesOption(label, place, sought) {
  const text = labelText(label);
  const kind = label.kind === "generated" || label.kind === "special" ? ` lines-${label.kind}` : "";
  const found = sought !== "" && text.toLowerCase().includes(sought);
  const told =
    label.kind === "generated" ? [element("span", { class: "visually-hidden" }, " generated ")] : [];
  const option = element(
    "div",
    { class: `lines-token${kind}`, role: "option", tabindex: -1, "data-place": place, title: text },
    element("bdi", { class: "lines-text" }, text),
    ...told,
    element("span", { class: "lines-value" }),
  );
  setAttribute(option, "data-found", found);
  return option;
}

/**
 * @param {EventTarget|null} target
 * @returns {number} -1 where there is no token
 */
function linesPlaceAt(target) {
  if (!(target instanceof Element)) return -1;
  const token = /** @type {HTMLElement|null} */ (target.closest(".lines-token"));
  return token ? Number(token.dataset.place) : -1;
}

// Weights smaller than this stand nowhere as numbers.
const LINES_WRITTEN = 0.005;

/**
 * Write weights as what stands beside tokens.
 * @param {{weight: number, head: number}[]|null} weights of each token the strongest head's
 * @param {{top: number, scale: "linear"|"log", names: string[], colors: string[]}} look
 * @returns {Map<number, LinesValue>|null}
 */
export function linesValues(weights, { top, scale, names, colors }) {
  if (!weights) return null;
  /** @type {Map<number, LinesValue>} */
  const values = new Map();
  weights.forEach(({ weight, head }, place) => {
    if (weight < LINES_WRITTEN) return;
    const share = Math.round(8 + 42 * shareOf(weight, top, scale));
    const name = names.length > 1 ? `${names[head].replace(/^L\d+/, "")} ` : "";
    const tint = `color-mix(in srgb, ${colors[head]} ${share}%, transparent)`;
    values.set(place, { text: name + weightText(weight), tint });
  });
  return values;
}
