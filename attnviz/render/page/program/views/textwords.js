// The words of a side on screen: each one something to press, reached with the arrow keys.

import { css, inkOn } from "../core/colors.js";
import { element, setAttribute } from "../core/dom.js";
import { weightText } from "../core/words.js";
import { textTint } from "./textreading.js";
import { textIsPiece, textParagraphs } from "./textruns.js";

/**
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").SequenceFacts} SequenceFacts
 * @typedef {import("./textruns.js").TextParagraph} TextParagraph
 * @typedef {import("./textruns.js").TextWord} TextWord
 */

/**
 * @typedef {object} TextSide
 * @property {HTMLElement} node
 * @property {HTMLElement[]} words one for each label
 */

const TEXT_PARTS = new Map([
  ["A", "Text A"],
  ["B", "Text B"],
  ["user", "User"],
  ["assistant", "Assistant"],
  ["system", "System"],
]);

/**
 * Name a part of the input.
 * @param {string} part
 * @returns {string}
 */
export function textPartName(part) {
  return TEXT_PARTS.get(part) ?? part;
}

/**
 * @param {Pick<SequenceFacts, "tokens">} sequence
 * @param {Label[]} labels
 * @param {string} source
 * @param {string} name what the side is called
 * @returns {TextSide}
 */
export function textSide(sequence, labels, source, name) {
  /** @type {HTMLElement[]} */
  const words = [];
  const paragraphs = textParagraphs(sequence, labels, source);
  const parts = paragraphs.flatMap((paragraph) => textParagraphNodes(paragraph, words));
  const node = element("div", { class: "text-side", role: "group", "aria-label": name }, ...parts);
  words[0]?.setAttribute("tabindex", "0");
  node.addEventListener("keydown", (event) => textMove(event, words));
  return { node, words };
}

/**
 * @param {TextParagraph} paragraph
 * @param {HTMLElement[]} words where the words' elements go
 * @returns {HTMLElement[]}
 */
function textParagraphNodes({ part, words: written }, words) {
  // Outside of the paragraph: its letters would decide which way the text runs.
  const label = part === null ? [] : [element("p", { class: "text-part" }, textPartName(part))];
  const line = element("p", { class: "text-paragraph", dir: "auto" });
  written.forEach((word, place) => {
    const node = textWordNode(word);
    // A piece stands close to what it continues; a word has some room around it.
    node.classList.toggle("text-begins", word.gap !== "" || place === 0);
    node.classList.toggle("text-ends", written[place + 1]?.gap !== "");
    words[word.place] = node;
    line.append(word.gap, node);
  });
  return [...label, line];
}

/**
 * @param {TextWord} word
 * @returns {HTMLElement}
 */
function textWordNode({ label, text, place }) {
  const piece = textIsPiece(label);
  const name = piece || text === "" ? label.text || "nothing" : null;
  // No <button>: as a box it would stand apart from its neighbours, and right-to-left words would change places.
  // Special tokens have a say of their own on the direction, but none on the paragraph's.
  return element(
    label.kind === "special" ? "bdi" : "span",
    {
      class: `text-word text-${label.kind}`,
      role: "button",
      tabindex: -1,
      "aria-pressed": "false",
      "aria-label": name,
      title: piece ? label.text : null,
      "data-place": place,
    },
    piece ? "" : text || "∅",
  );
}

/**
 * Colour the words, and say their weights where these are asked for.
 * @param {TextSide} side
 * @param {Palette} palette
 * @param {number[]|null} shares of the scale; null for a side that has no weights
 * @param {Float64Array|null} values
 */
export function textPaint({ words }, palette, shares, values) {
  words.forEach((word, place) => {
    const tint = shares && textTint(palette, shares[place]);
    word.style.backgroundColor = tint ? css(tint) : "";
    word.style.color = tint ? inkOn(tint) : "";
    const value = values ? values[place] : 0;
    setAttribute(word, "data-weight", value >= 0.005 ? weightText(value) : null);
  });
}

/**
 * Mark what is picked, its partner, and what was searched for.
 * @param {TextSide} side
 * @param {Label[]} labels
 * @param {{picked: number, partner: number, search: string}} marks
 */
export function textMark({ words }, labels, { picked, partner, search }) {
  const wanted = search.trim().toLowerCase();
  words.forEach((word, place) => {
    word.setAttribute("aria-pressed", String(place === picked));
    word.classList.toggle("text-partner", place === partner && place !== picked);
    word.classList.toggle("text-found", wanted !== "" && labels[place].text.toLowerCase().includes(wanted));
  });
}

/**
 * Go to another word: the next in reading order, the one above or below, the first, the last.
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} words
 */
function textMove(event, words) {
  const from = words.indexOf(/** @type {HTMLElement} */ (event.target));
  if (from < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    words[from].click();
    return;
  }
  const to = textTarget(event.key, words, from);
  if (to === null) return;
  event.preventDefault();
  event.stopPropagation();
  textFocus(words, to);
}

/**
 * @param {string} key
 * @param {HTMLElement[]} words
 * @param {number} from
 * @returns {number|null}
 */
function textTarget(key, words, from) {
  const line = words[from].closest(".text-paragraph");
  const forward = line && getComputedStyle(line).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const last = words.length - 1;
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key === "ArrowUp" || key === "ArrowDown") return textBeside(words, from, key === "ArrowUp" ? -1 : 1);
  if (key !== "ArrowLeft" && key !== "ArrowRight") return null;
  return Math.min(last, Math.max(0, from + (key === forward ? 1 : -1)));
}

/**
 * Find the word nearest to one on the line before or after.
 * @param {HTMLElement[]} words
 * @param {number} from
 * @param {-1|1} step
 * @returns {number}
 */
function textBeside(words, from, step) {
  const own = words[from].getBoundingClientRect();
  const middle = own.left + own.width / 2;
  let [best, nearest, line] = [from, Infinity, NaN];
  for (let place = from + step; place >= 0 && place < words.length; place += step) {
    const box = words[place].getBoundingClientRect();
    if (Math.abs(box.top - own.top) < own.height / 2) continue;
    if (Number.isNaN(line)) line = box.top;
    if (Math.abs(box.top - line) > own.height / 2) break;
    const far = Math.abs(box.left + box.width / 2 - middle);
    if (far < nearest) [best, nearest] = [place, far];
  }
  return best;
}

/**
 * @param {HTMLElement[]} words
 * @param {number} place
 */
export function textFocus(words, place) {
  for (const word of words) word.tabIndex = -1;
  words[place].tabIndex = 0;
  words[place].focus();
}
