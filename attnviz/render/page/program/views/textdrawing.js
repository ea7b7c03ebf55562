// The text as a picture: its words as tinted boxes, in lines of a width that reads well.

import { css, inkOn } from "../core/colors.js";
import { measurer } from "../core/brush.js";
import { massPaintScale } from "./massscale.js";
import { textLead } from "./textlists.js";
import { textApart, textLines, textShaped, textVisual, textWay } from "./textlines.js";
import { textIsOne, textShares, textTint } from "./textreading.js";
import { textIsPiece, textParagraphs } from "./textruns.js";
import { textPartName } from "./textwords.js";

/**
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./textreading.js").TextReading} TextReading
 * @typedef {import("./textruns.js").TextParagraph} TextParagraph
 * @typedef {import("./textruns.js").TextWord} TextWord
 */

/**
 * @typedef {object} TextBox
 * @property {string} text
 * @property {number} place among the labels of its side
 * @property {import("../core/types.js").TokenFacts["kind"]} kind
 * @property {number} x
 * @property {number} y the middle of its line
 * @property {number} width
 * @property {number} inside where its letters begin
 */

const TEXT_WIDTH = 720;
const TEXT_MARGIN = 2;

// The room around a word, and between two.
const TEXT_PAD = 3;
const TEXT_SPACE = 3;
const TEXT_SIZE = 16;
const TEXT_LINE = 30;
const TEXT_BOX = 22;

/**
 * @param {AttentionMap} map
 * @param {TextReading} reading
 * @param {State} state
 * @param {Palette} palette
 * @param {string} source the text read
 * @returns {Drawing}
 */
export function textDrawing(map, reading, state, palette, source) {
  const measure = measurer();
  const lead = textBroken(textLead(reading, state).join(" "), TEXT_WIDTH - 2 * TEXT_MARGIN, measure);
  let y = TEXT_MARGIN + lead.length * 18 + TEXT_LINE / 2;
  const tinted = reading.way === "readers" ? 0 : textIsOne(map) ? 0 : 1;
  const names = textIsOne(map) ? [""] : ["Queries", "Keys"];
  const sides = names.map((name, side) => {
    const labels = side === 0 ? reading.rows : reading.columns;
    const sequence = side === 0 ? map.queries : map.keys;
    const laid = textLaid(textParagraphs(sequence, labels, source), name, y, sequence.rightToLeft, measure);
    y = laid.bottom;
    const picked = textIsOne(map) || side !== tinted ? reading.picked : -1;
    return { ...laid, picked, shares: side === tinted ? textShares(reading, state) : null };
  });
  const paint = (/** @type {Brush} */ brush) => {
    lead.forEach((line, place) =>
      brush.text(TEXT_MARGIN, TEXT_MARGIN + place * 18, line, { fill: palette.foreground, size: 13 }),
    );
    for (const side of sides) textPaintSide(brush, palette, side);
    const tint = (/** @type {number} */ share) => textTint(palette, share);
    massPaintScale(brush, palette, tint, { x: TEXT_MARGIN, y: y + 4, top: reading.top });
  };
  return { width: TEXT_WIDTH, height: Math.ceil(y + TEXT_MARGIN), paint };
}

/**
 * @param {string} sentence
 * @param {number} width
 * @param {Brush["measure"]} measure
 * @returns {string[]} its lines
 */
function textBroken(sentence, width, measure) {
  /** @type {string[]} */
  const lines = [""];
  for (const word of sentence.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (measure(longer, 13) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/**
 * Lay paragraphs out in lines, from the side they are read from.
 * @param {TextParagraph[]} paragraphs
 * @param {string} name
 * @param {number} top the middle of the first line
 * @param {boolean} rightToLeft
 * @param {Brush["measure"]} measure
 * @returns {{boxes: TextBox[], titles: {text: string, y: number}[], bottom: number}}
 */
function textLaid(paragraphs, name, top, rightToLeft, measure) {
  /** @type {TextBox[]} */
  const boxes = [];
  const titles = name ? [{ text: name, y: top }] : [];
  let y = top + (name ? 26 : 0);
  for (const { part, words } of paragraphs) {
    if (part !== null) {
      titles.push({ text: textPartName(part), y });
      y += 24;
    }
    const sized = words.map((_, order) => textSized(words, order, measure));
    const lines = textLines(sized, TEXT_WIDTH - 2 * TEXT_MARGIN);
    lines.forEach((line, order) => {
      if (order > 0) y += TEXT_LINE;
      boxes.push(...textPlaced(line, rightToLeft, y));
    });
    y += TEXT_LINE + 6;
  }
  return { boxes, titles, bottom: y };
}

/**
 * @typedef {object} TextFitted
 * @property {string} text
 * @property {number} place
 * @property {import("../core/types.js").TokenFacts["kind"]} kind
 * @property {number} width
 * @property {number} order among the words of its paragraph
 * @property {number} space before it
 * @property {boolean} breaks
 * @property {number} start the room before its letters
 * @property {number} end and behind them
 */

/**
 * @param {TextWord[]} words
 * @param {number} order
 * @param {Brush["measure"]} measure
 * @returns {TextFitted}
 */
function textSized(words, order, measure) {
  const { label, place, gap } = words[order];
  const piece = textIsPiece(label);
  const text = piece ? "" : textShaped(words, order) || "∅";
  const start = textApart(words, order) ? TEXT_PAD : 0;
  const end = textApart(words, order + 1) ? TEXT_PAD : 0;
  const width = piece ? 10 : measure(text, TEXT_SIZE) + start + end;
  const space = start > 0 ? TEXT_SPACE : 0;
  return { text, place, kind: label.kind, order, width, space, breaks: gap.includes("\n"), start, end };
}

/**
 * @param {TextFitted[]} line in the order it is read
 * @param {boolean} rightToLeft
 * @param {number} y
 * @returns {TextBox[]}
 */
function textPlaced(line, rightToLeft, y) {
  const visual = textVisual(line, rightToLeft);
  const spaces = visual.map((fitted, order) => (order === 0 ? 0 : textBetween(visual[order - 1], fitted)));
  const whole = visual.reduce((sum, { width }, order) => sum + width + spaces[order], 0);
  let x = rightToLeft ? TEXT_WIDTH - TEXT_MARGIN - whole : TEXT_MARGIN;
  return visual.map(({ text, place, kind, width, start, end }, order) => {
    const left = x + spaces[order];
    x = left + width;
    return { text, place, kind, x: left, y, width, inside: left + (textWay(text) === "right" ? end : start) };
  });
}

/**
 * Give the room between neighbours on a line: pieces of one word have none.
 * @param {TextFitted} one
 * @param {TextFitted} other
 * @returns {number}
 */
function textBetween(one, other) {
  const later = one.order < other.order ? other : one;
  return Math.abs(one.order - other.order) === 1 ? later.space : TEXT_SPACE;
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {{boxes: TextBox[], titles: {text: string, y: number}[], picked: number, shares: number[]|null}} side
 */
function textPaintSide(brush, palette, { boxes, titles, picked, shares }) {
  for (const { text, y } of titles)
    brush.text(TEXT_MARGIN, y, text, { fill: palette.muted, size: 12, bold: true });
  for (const { text, place, kind, x, y, width, inside } of boxes) {
    const tint = shares && textTint(palette, shares[place]);
    const [top, bottom] = [y - TEXT_BOX / 2, y + TEXT_BOX / 2];
    if (tint) brush.rect(x, top, width, TEXT_BOX, { fill: css(tint), radius: 3 });
    if (kind === "special") brush.rect(x, top, width, TEXT_BOX, { stroke: palette.rule, radius: 3 });
    if (place === picked)
      brush.rect(x - 1, top - 1, width + 2, TEXT_BOX + 2, {
        stroke: palette.foreground,
        lineWidth: 2,
        radius: 4,
      });
    const plain = kind === "special" ? palette.muted : palette.foreground;
    brush.text(inside, y, text, {
      fill: tint ? inkOn(tint) : plain,
      size: TEXT_SIZE,
    });
    if (kind === "generated")
      brush.line(
        [
          [x + 2, bottom + 2],
          [x + width - 2, bottom + 2],
        ],
        { stroke: palette.muted, dash: [3, 2] },
      );
  }
}
