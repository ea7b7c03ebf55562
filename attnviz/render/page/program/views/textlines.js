// Words in lines, and the order in which a line shows them: not all scripts run the same way.

/**
 * @typedef {import("./textruns.js").TextWord} TextWord
 * @typedef {{width: number, space: number, breaks: boolean, text: string}} TextSized a word, the space before it,
 *     and whether a new line begins with it
 */

const TEXT_RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;
const TEXT_LEFT_TO_RIGHT = /[\p{L}\p{N}]/u;
const TEXT_ARABIC = /\p{Script=Arabic}/u;

/**
 * Say whether there is room between a word and the one before it.
 * @param {TextWord[]} words
 * @param {number} place up to their number
 * @returns {boolean}
 */
export function textApart(words, place) {
  const [before, own] = [words[place - 1], words[place]];
  if (!before || !own) return true;
  return own.gap !== "" || before.label.kind === "special" || own.label.kind === "special";
}

/**
 * Write a piece as it looks inside its word: Arabic letters take their shape from their neighbours.
 * @param {TextWord[]} words
 * @param {number} place
 * @returns {string}
 */
export function textShaped(words, place) {
  const { text } = words[place];
  const joins = (/** @type {number} */ other, /** @type {number} */ border) =>
    !textApart(words, border) && TEXT_ARABIC.test(words[other].text) && TEXT_ARABIC.test(text)
      ? "\u200d"
      : "";
  return joins(place - 1, place) + text + joins(place + 1, place + 1);
}

/**
 * Break words into lines.
 * @template {TextSized} Sized
 * @param {Sized[]} words
 * @param {number} room
 * @returns {Sized[][]}
 */
export function textLines(words, room) {
  /** @type {Sized[][]} */
  const lines = [[]];
  let width = 0;
  for (const word of words) {
    const line = lines[lines.length - 1];
    if (line.length > 0 && (word.breaks || width + word.space + word.width > room)) {
      lines.push([word]);
      width = word.width;
    } else {
      width += line.length > 0 ? word.space + word.width : word.width;
      line.push(word);
    }
  }
  return lines;
}

/**
 * Give the words of a line from left to right. Words of the other direction, and what stands between them,
 * are turned around among themselves: the part of Unicode's algorithm (UAX 9) that whole words need.
 * @template {{text: string}} Word
 * @param {Word[]} line in the order they are read
 * @param {boolean} rightToLeft whether the line begins at the right
 * @returns {Word[]}
 */
export function textVisual(line, rightToLeft) {
  /** @type {("left"|"right")[]} */
  const [own, other] = rightToLeft ? ["right", "left"] : ["left", "right"];
  const ways = line.map(({ text }) => textWay(text));
  /** @type {Word[]} */
  const turned = [];
  for (let place = 0; place < line.length;) {
    let end = place + 1;
    if (ways[place] === other) {
      const stop = ways.indexOf(own, place);
      end = ways.lastIndexOf(other, stop < 0 ? line.length : stop) + 1;
    }
    turned.push(...line.slice(place, end).reverse());
    place = end;
  }
  return rightToLeft ? turned.reverse() : turned;
}

/**
 * @param {string} text
 * @returns {"left"|"right"|"either"} where its letters begin
 */
export function textWay(text) {
  if (TEXT_RIGHT_TO_LEFT.test(text)) return "right";
  return TEXT_LEFT_TO_RIGHT.test(text) ? "left" : "either";
}
