// The text as a picture: its words as tinted boxes, in lines of a width that reads well.

import { css, inkOn } from "../core/colors.js";
import { measurer } from "../core/brush.js";
import { weightText } from "../core/words.js";
import { textLead } from "./textlists.js";
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
 */

/**
 * @typedef {object} TextBox
 * @property {string} text
 * @property {number} place among the labels of its side
 * @property {import("../core/types.js").TokenFacts["kind"]} kind
 * @property {number} x
 * @property {number} y the middle of its line
 * @property {number} width
 */

const TEXT_WIDTH = 720;
const TEXT_MARGIN = 6;
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
    textPaintScale(brush, palette, y + 4, weightText(reading.top));
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
    let x = 0;
    for (const { label, place, gap, text } of words) {
      const written = textIsPiece(label) ? "" : label.kind === "special" ? text : text || "∅";
      const width = textIsPiece(label) ? 10 : measure(written, TEXT_SIZE) + 6;
      const space = gap === "" && label.kind !== "special" ? 0 : 5;
      const breaks = gap.includes("\n") || x + space + width > TEXT_WIDTH - 2 * TEXT_MARGIN;
      if (breaks && x > 0) [x, y] = [0, y + TEXT_LINE];
      else x += x === 0 ? 0 : space;
      const left = rightToLeft ? TEXT_WIDTH - TEXT_MARGIN - x - width : TEXT_MARGIN + x;
      boxes.push({ text: written, place, kind: label.kind, x: left, y, width });
      x += width;
    }
    y += TEXT_LINE + 6;
  }
  return { boxes, titles, bottom: y };
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {{boxes: TextBox[], titles: {text: string, y: number}[], picked: number, shares: number[]|null}} side
 */
function textPaintSide(brush, palette, { boxes, titles, picked, shares }) {
  for (const { text, y } of titles)
    brush.text(TEXT_MARGIN, y, text, { fill: palette.muted, size: 12, bold: true });
  for (const { text, place, kind, x, y, width } of boxes) {
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
    brush.text(x + width / 2, y, text, {
      fill: tint ? inkOn(tint) : plain,
      size: TEXT_SIZE,
      align: "middle",
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

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {number} y
 * @param {string} top
 */
function textPaintScale(brush, palette, y, top) {
  const steps = 32;
  const width = 120 / steps;
  brush.text(TEXT_MARGIN, y, "0", { fill: palette.muted });
  for (let step = 0; step < steps; step += 1) {
    const tint = textTint(palette, step / (steps - 1));
    const fill = tint ? css(tint) : palette.background;
    brush.rect(TEXT_MARGIN + 14 + step * width, y - 5, width + 0.5, 10, { fill });
  }
  brush.rect(TEXT_MARGIN + 14, y - 5, 120, 10, { stroke: palette.rule });
  brush.text(TEXT_MARGIN + 142, y, top, { fill: palette.muted });
}
