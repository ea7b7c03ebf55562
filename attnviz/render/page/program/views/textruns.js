// Tokens as the running text they were cut from: what stands between them, and in which paragraphs they are.

/**
 * @typedef {import("../core/types.js").TokenFacts} TokenFacts
 * @typedef {import("../core/types.js").SequenceFacts} SequenceFacts
 * @typedef {import("../core/types.js").Label} Label
 */

/**
 * A word or token as it is written.
 * @typedef {object} TextWord
 * @property {Label} label
 * @property {number} place among the labels
 * @property {string} gap the white space before it
 * @property {string} text
 */

/**
 * @typedef {object} TextParagraph
 * @property {string|null} part whose it is: "A", "user" ...
 * @property {TextWord[]} words
 */

// How far ahead a token is looked for: what lies between two tokens is white space, or little else.
const TEXT_AHEAD = 120;

// A side may begin with any line of the source: the target of a translation comes behind the text translated.
const TEXT_STARTS = 64;

/**
 * Say what white space stands before each token.
 * @param {TokenFacts[]} tokens
 * @param {string} source
 * @returns {string[]} "" where a token continues the one before it
 */
export function textGaps(tokens, source) {
  let best = textAligned(tokens, source, 0);
  let start = source.indexOf("\n") + 1;
  for (let tried = 0; best.missed > 0 && start > 0 && tried < TEXT_STARTS; tried += 1) {
    const found = textAligned(tokens, source, start);
    if (found.missed < best.missed) best = found;
    start = source.indexOf("\n", start) + 1;
  }
  return best.gaps;
}

/**
 * Find tokens one after another from a place on.
 * @param {TokenFacts[]} tokens
 * @param {string} source
 * @param {number} start
 * @returns {{gaps: string[], missed: number}} `missed` counts letters passed over and tokens not found
 */
function textAligned(tokens, source, start) {
  let cursor = start;
  let missed = 0;
  let before = "";
  const gaps = tokens.map(({ text, kind }, place) => {
    if (kind !== "text" && kind !== "generated") return "";
    const found = text === "" ? 0 : source.slice(cursor, cursor + text.length + TEXT_AHEAD).indexOf(text);
    // Several tokens may stand for one character, and each says it.
    if (found !== 0 && text === before) return "";
    before = text;
    if (found < 0) {
      missed += text.length;
      return place === 0 ? "" : " ";
    }
    const between = source.slice(cursor, cursor + found);
    missed += between.trim().length;
    cursor += found + text.length;
    return place === 0 ? "" : textGap(between, text);
  });
  return { gaps, missed };
}

/**
 * @param {string} between what lies between two tokens
 * @param {string} text the later one's
 * @returns {string}
 */
function textGap(between, text) {
  if (between.trim() !== "") return " … ";
  const leading = text.trim() === "" ? "" : text.slice(0, text.length - text.trimStart().length);
  return between + leading;
}

/** @type {WeakMap<TokenFacts[], string[]>} of a long text a part is written many times */
const knownGaps = new WeakMap();

/**
 * Say what white space stands before each token, found once.
 * @param {TokenFacts[]} tokens
 * @param {string} source
 * @returns {string[]}
 */
export function gapsOnce(tokens, source) {
  const gaps = knownGaps.get(tokens) ?? textGaps(tokens, source);
  knownGaps.set(tokens, gaps);
  return gaps;
}

/**
 * Give the words of a side in their paragraphs.
 * @param {Pick<SequenceFacts, "tokens">} sequence
 * @param {Label[]} labels those shown
 * @param {string} source
 * @returns {TextParagraph[]}
 */
export function textParagraphs(sequence, labels, source) {
  const gaps = gapsOnce(sequence.tokens, source);
  /** @type {TextParagraph[]} */
  const paragraphs = [];
  labels.forEach((label, place) => {
    const word = { label, place, gap: gaps[label.position], text: textOf(label, sequence.tokens) };
    const last = paragraphs.at(-1);
    if (last && textBelongs(last, label)) last.words.push(word);
    else paragraphs.push({ part: null, words: [{ ...word, gap: "" }] });
    const current = /** @type {TextParagraph} */ (paragraphs.at(-1));
    current.part ??= label.part ?? null;
  });
  return paragraphs;
}

/**
 * A special token stays with what is before it, and those that come first with what follows.
 * @param {TextParagraph} paragraph
 * @param {Label} label
 * @returns {boolean}
 */
function textBelongs({ part, words }, { part: own, kind }) {
  const opening = part === null && words.every(({ label }) => label.kind === "special");
  return kind === "special" || (own ?? null) === part || opening;
}

/**
 * Write a label in a text: white space before it is a gap, not a sign.
 * @param {Label} label
 * @param {TokenFacts[]} tokens
 * @returns {string}
 */
export function textOf({ text, position, positions }, tokens) {
  if (positions.length > 1) return text;
  const written = tokens[position].text;
  const leading = written.length - written.trimStart().length;
  return leading < written.length ? text.slice(textSigns(written.slice(0, leading))) : text;
}

/**
 * Count the letters that white space is shown as: most of it one sign, the rest an escape.
 * @param {string} space
 * @returns {number}
 */
function textSigns(space) {
  const length = (/** @type {string} */ char) =>
    " \n\t\r\u00a0".includes(char) ? 1 : char < "\u0100" ? 4 : 6;
  return [...space].reduce((sum, char) => sum + length(char), 0);
}

/**
 * Whether a label is a picture's or a sound's piece, which no text holds.
 * @param {Label} label
 * @returns {boolean}
 */
export function textIsPiece({ kind }) {
  return kind === "patch" || kind === "frame";
}
