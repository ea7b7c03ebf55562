// Beside the text: the largest weights of the word picked, with their numbers, and what no word of the text got.

import { element } from "../core/dom.js";
import { exactText, weightText } from "../core/words.js";
import { massLargest } from "./mass.js";
import { textIsOne } from "./textreading.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./mass.js").Mass} Mass
 * @typedef {import("./textreading.js").TextReading} TextReading
 */

/**
 * What the lists do.
 * @typedef {object} TextActs
 * @property {(fields: Partial<State>) => void} pick
 * @property {(label: Label|null) => void} point show where an item stands; null for none
 */

const TEXT_LISTED = 8;

/**
 * Write the lists of a reading.
 * @param {AttentionMap} map
 * @param {TextReading} reading
 * @param {TextActs} acts
 * @returns {HTMLElement[]}
 */
export function textLists(map, reading, { pick, point }) {
  const { way, rows, columns, picked, mass, back } = reading;
  if (way === "received") {
    const list = textList(mass, columns, ({ position }) => pick(textKeyPick(map, position)), point);
    return [textSection("Read most", "the mean over all queries shown", list)];
  }
  const word = textQuoted((way === "reads" ? rows : columns)[picked].text);
  const [reads, readers] = way === "reads" ? [mass, back] : [back, mass];
  const position = (way === "reads" ? rows : columns)[picked].position;
  const sections = [];
  if (reads) {
    const list = textList(reads, columns, (label) => pick({ query: position, key: label.position }), point);
    sections.push(textSection(`Whom ${word} reads`, "", list, textRest(map, reads)));
  }
  if (readers) {
    const list = textList(readers, rows, (label) => pick({ query: label.position, key: position }), point);
    sections.push(textSection(`Who reads ${word}`, "", list));
  }
  return way === "reads" ? sections : sections.reverse();
}

/**
 * Where queries are keys a word is picked as what reads, elsewhere as what is read.
 * @param {AttentionMap} map
 * @param {number} position
 * @returns {Partial<State>}
 */
function textKeyPick(map, position) {
  return textIsOne(map) ? { query: position, key: null } : { query: null, key: position };
}

/**
 * @param {string} title
 * @param {string} about
 * @param {HTMLElement} list
 * @param {...HTMLElement} rest
 * @returns {HTMLElement}
 */
function textSection(title, about, list, ...rest) {
  const note = about ? [element("p", { class: "note" }, about)] : [];
  const heading = element("h2", { class: "text-heading" }, title);
  return element("section", { class: "text-section", "aria-label": title }, heading, ...note, list, ...rest);
}

/**
 * @param {Mass} mass
 * @param {Label[]} labels
 * @param {(label: Label) => void} pick
 * @param {(label: Label|null) => void} point
 * @returns {HTMLElement}
 */
function textList(mass, labels, pick, point) {
  const places = massLargest(mass.values, TEXT_LISTED);
  if (places.length === 0) return element("p", { class: "note" }, "nothing that is shown");
  const longest = Math.max(
    ...places.map((place) => (mass.heads > 1 ? mass.most[place] : mass.values[place])),
  );
  const items = places.map((place) => {
    const label = labels[place];
    const button = textItem(mass, label, place, longest);
    // A word that stands there several times says which one it is.
    const name = /** @type {HTMLElement} */ (button.firstChild);
    if (labels.filter(({ text }) => text === label.text).length > 1) {
      name.append(element("span", { class: "text-place" }, `at ${label.position}`));
    }
    button.addEventListener("click", () => pick(label));
    for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => point(label));
    for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => point(null));
    return element("li", {}, button);
  });
  return element("ol", { class: "text-list" }, ...items);
}

/**
 * @param {Mass} mass
 * @param {Label} label
 * @param {number} place
 * @param {number} longest the weight whose bar is as wide as there is room
 * @returns {HTMLButtonElement}
 */
function textItem(mass, label, place, longest) {
  const value = mass.values[place];
  const bar = element("span", { class: "text-bar", "aria-hidden": "true" }, textFilled(0, value / longest));
  const range = mass.heads > 1 ? `${weightText(mass.least[place])}–${weightText(mass.most[place])}` : "";
  if (range) bar.append(textFilled(mass.least[place] / longest, mass.most[place] / longest, "text-range"));
  const number = element("span", { class: "text-number" }, exactText(value));
  const spread = range
    ? [element("span", { class: "text-spread", title: "least and most of all heads" }, range)]
    : [];
  const name = element("bdi", { class: `text-name text-${label.kind}` }, label.text);
  return element("button", { type: "button", class: "text-item" }, name, bar, number, ...spread);
}

/**
 * @param {number} from share of the room
 * @param {number} to
 * @param {string} [look]
 * @returns {HTMLElement}
 */
export function textFilled(from, to, look = "text-fill") {
  const fill = element("span", { class: look });
  fill.style.insetInlineStart = `${from * 100}%`;
  fill.style.width = `${Math.max(0, to - from) * 100}%`;
  return fill;
}

/**
 * Say what of a row is on no word of the text.
 * @param {AttentionMap} map
 * @param {Mass} reads
 * @returns {HTMLElement}
 */
function textRest(map, { hidden, lost }) {
  const sentences = [];
  if (hidden >= 0.0005) sentences.push(`${weightText(hidden)} of its mass is on tokens that are not shown.`);
  if (lost >= 0.005) sentences.push(`${weightText(lost)} of its mass went to no key${textReason(map)}.`);
  return element("p", { class: "note text-rest", hidden: sentences.length === 0 }, sentences.join(" "));
}

/**
 * @param {AttentionMap} map
 * @returns {string}
 */
function textReason({ facts: { dropped, sinks } }) {
  if (dropped > 0) return ": its key was left out of the record";
  return sinks.length > 0 ? ", but to a learned sink" : "";
}

/**
 * Say what the colours mean.
 * @param {TextReading} reading
 * @param {State} state
 * @param {string} [piece] what each of those coloured is called
 * @returns {string[]} sentences
 */
export function textLead(reading, state, piece = "word") {
  const { way, rows, columns, picked, names } = reading;
  const whose = names.length === 1 ? names[0] : `the mean of ${names.length} heads`;
  const sentences = [];
  if (way === "received") {
    sentences.push(
      `Nothing is picked. The tint shows what share of all weights each ${piece} receives in ${whose}.`,
    );
    if (state.query !== null || state.key !== null) sentences.push("What is picked is hidden at the moment.");
  } else if (way === "reads") {
    sentences.push(
      `The tint shows how much ${textQuoted(rows[picked].text)} reads of each ${piece}: ${whose}.`,
    );
  } else {
    sentences.push(
      `The tint shows how much each ${piece} reads of ${textQuoted(columns[picked].text)}: ${whose}.`,
    );
  }
  return [...sentences, ...textAgreement(reading)];
}

/**
 * An average hides where heads differ, so it is said how many of them have the same largest weight.
 * @param {TextReading} reading
 * @returns {string[]}
 */
function textAgreement({ mass, way, rows, columns }) {
  if (mass.heads === 1) return [];
  const [first] = massLargest(mass.values, 1);
  if (first === undefined) return [];
  const word = textQuoted((way === "readers" ? rows : columns)[first].text);
  const many = `${mass.agree} of ${mass.heads} heads have their largest weight where the mean has it, at ${word}`;
  const differ = mass.agree * 2 < mass.heads;
  return [differ ? `${many}: they differ, and a mean does not show it.` : `${many}.`];
}

/**
 * @param {string} text
 * @returns {string} set apart, whichever way it reads
 */
export function textQuoted(text) {
  return `“\u2068${text}\u2069”`;
}
