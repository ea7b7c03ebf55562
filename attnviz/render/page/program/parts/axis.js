// The labels of rows and columns: which of them are written, and as what.

import { countText } from "../core/words.js";

/**
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {(text: string, size?: number, bold?: boolean) => number} Measure
 * @typedef {(text: string, limit: number) => string} Cutter
 */

/**
 * A label that is written.
 * @typedef {object} AxisMark
 * @property {number} at the row or column, counted among those shown
 * @property {string} text uncut
 * @property {Label} label
 */

const AXIS_STEPS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000];
const BRACKETED = /^[[<(⟨].*[\])>⟩]$/su;

/**
 * Give a label's text; what the model added stands in brackets, so that it is told by more than its colour.
 * @param {Label} label
 * @returns {string}
 */
export function labelText({ text, kind }) {
  return kind === "special" && !BRACKETED.test(text) ? `[${text}]` : text;
}

/**
 * Say of every how many rows one is labelled.
 * @param {number} cell how high a row is
 * @param {number} least how high a label is
 * @returns {number} a round number
 */
export function axisStep(cell, least) {
  return AXIS_STEPS.find((step) => step * cell >= least) ?? Math.ceil(least / cell);
}

/**
 * Choose the labels of the rows in sight. They stay where they are while the reader moves along.
 * @param {Label[]} labels every one
 * @param {number} first the first row in sight, or a part of it
 * @param {number} count of rows in sight
 * @param {number} cell how high a row is
 * @param {number} least how high a label is
 * @returns {AxisMark[]}
 */
export function axisMarks(labels, first, count, cell, least) {
  const step = axisStep(cell, least);
  const isWritten = step === 1 ? () => true : thinnedMarks(labels, step);
  /** @type {AxisMark[]} */
  const marks = [];
  const start = Math.max(0, Math.floor(first));
  for (let at = start; at < Math.min(labels.length, first + count); at += 1) {
    if (isWritten(at)) marks.push({ at, label: labels[at], text: numberedLabel(labels[at], step) });
  }
  // Of a row that is cut off at the edge, the label would stand outside.
  return marks.filter(({ at }) => at + 0.5 >= first && at + 0.5 <= first + count);
}

/**
 * @param {Label} label
 * @param {number} step
 * @returns {string} thinned out, a label says its position too; a patch's says it anyway
 */
function numberedLabel(label, step) {
  if (label.place || (step === 1 && !isRun(label))) return labelText(label);
  // The mark keeps the position left of an Arabic or Hebrew token.
  return `\u200e${label.run ? countText(label.run[0]) : label.position} ${labelText(label)}`;
}

/**
 * Whether a label stands for several of the model's tokens.
 * @param {Label} label
 * @returns {boolean}
 */
export function isRun({ run }) {
  return run !== undefined && run[0] < run[1];
}

/**
 * Thin labels out evenly; of the patches of a picture whole rows are left out.
 * @param {Label[]} labels
 * @param {number} step
 * @returns {(at: number) => boolean}
 */
function thinnedMarks(labels, step) {
  const patches = labels.filter(({ kind }) => kind === "patch");
  const width = patches.filter(({ place }) => place?.[0] === patches[0].place?.[0]).length;
  const isPicture = width > 1 && labels.every(({ kind }) => kind === "patch" || kind === "special");
  if (!isPicture) return (at) => at % step === 0;
  const apart = Math.ceil(step / width);
  return (at) => {
    const { place } = labels[at];
    return place !== undefined && place[1] === 0 && place[0] % apart === 0;
  };
}

/**
 * Make something that cuts texts to a width, in the middle, and remembers what it cut.
 * @param {Measure} measure
 * @param {number} size of the letters
 * @param {boolean} [bold]
 * @returns {Cutter}
 */
export function labelCutter(measure, size, bold = false) {
  /** @type {Map<string, string>} */
  const known = new Map();
  return (text, limit) => {
    const name = `${Math.floor(limit)} ${text}`;
    let cut = known.get(name);
    if (cut === undefined) {
      cut = cutLabel(text, limit, (part) => measure(part, size, bold));
      known.set(name, cut);
    }
    return cut;
  };
}

/**
 * Cut a text to a width: its beginning and its end say more than either alone.
 * @param {string} text
 * @param {number} limit
 * @param {(text: string) => number} measure
 * @returns {string}
 */
export function cutLabel(text, limit, measure) {
  if (measure(text) <= limit) return text;
  const parts = labelGraphemes(text);
  let [low, high] = [0, parts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(withoutMiddle(parts, middle)) <= limit) low = middle;
    else high = middle - 1;
  }
  return withoutMiddle(parts, low);
}

/**
 * @param {string[]} parts
 * @param {number} kept
 * @returns {string}
 */
function withoutMiddle(parts, kept) {
  const tail = Math.floor(kept / 2);
  return `${parts.slice(0, kept - tail).join("")}…${tail ? parts.slice(-tail).join("") : ""}`;
}

/**
 * Split a text into what a reader sees as single characters.
 * @param {string} text
 * @returns {string[]}
 */
function labelGraphemes(text) {
  if (!("Segmenter" in Intl)) return Array.from(text);
  return Array.from(
    new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text),
    (each) => each.segment,
  );
}

/**
 * Say how wide labels are at most, cut or not.
 * @param {Label[]} labels
 * @param {number} limit
 * @param {boolean} isThinned whether they say their positions
 * @param {(text: string) => number} measure
 * @returns {number}
 */
export function axisRoom(labels, limit, isThinned, measure) {
  let widest = 0;
  for (const label of labels) {
    widest = Math.max(widest, measure(numberedLabel(label, isThinned ? 2 : 1)));
    if (widest >= limit) return limit;
  }
  return Math.ceil(widest);
}
