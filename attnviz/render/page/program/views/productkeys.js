// The picture of a row: a bar for each key the query sees, and a mark where q k alone would put it.

import { css, weightColor } from "../core/colors.js";
import { weightText } from "../core/words.js";

/**
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").TokenFacts} TokenFacts
 * @typedef {import("./productmath.js").Product} Product
 */

/**
 * @typedef {object} KeysLayout
 * @property {number} left
 * @property {number} bar width of a key's place
 * @property {number} count
 * @property {number} width
 * @property {number} height
 * @property {number} base where bars stand
 * @property {boolean} named whether each has its name below
 */

const PRODUCT_LEFT = 34;
const PRODUCT_HIGH = 120;
const PRODUCT_TOP = 18;
const PRODUCT_NAMES = 70;
const PRODUCT_WIDEST = 40;
const PRODUCT_NAMED = 15;
const PRODUCT_LETTERS = 10;

/**
 * @param {number} count of keys
 * @param {number} room CSS pixels across
 * @returns {KeysLayout}
 */
export function productKeysLayout(count, room) {
  const bar = Math.min(PRODUCT_WIDEST, (room - PRODUCT_LEFT - 8) / Math.max(1, count));
  const named = bar >= PRODUCT_NAMED;
  const base = PRODUCT_TOP + PRODUCT_HIGH;
  // Room at the right for the name of a bar that is picked there.
  const width = Math.min(room, PRODUCT_LEFT + count * bar + 8);
  return {
    left: PRODUCT_LEFT,
    bar,
    count,
    width: Math.max(width, Math.min(room, 240)),
    height: base + (named ? PRODUCT_NAMES : 26),
    base,
    named,
  };
}

/**
 * @param {KeysLayout} layout
 * @param {number} x
 * @returns {number} the place among the keys seen, -1 for none
 */
export function productKeyAt({ left, bar, count }, x) {
  const place = Math.floor((x - left) / bar);
  return place >= 0 && place < count ? place : -1;
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {KeysLayout} layout
 * @param {Product} product
 * @param {TokenFacts[]} keys
 * @param {number} pointed the place of one to mark, -1 for none
 */
export function productPaintKeys(brush, palette, layout, product, keys, pointed) {
  const { seen, weights, alone, key } = product;
  const { left, bar, base, count } = layout;
  const top = Math.max(...weights, ...(alone ?? [])) || 1;
  const height = (/** @type {number} */ weight) => (weight / top) * PRODUCT_HIGH;
  brush.line(
    [
      [left, base],
      [left + count * bar, base],
    ],
    { stroke: palette.rule },
  );
  brush.text(left - 6, base, "0", { fill: palette.muted, size: 11, align: "end" });
  brush.text(left - 6, base - PRODUCT_HIGH, weightText(top), { fill: palette.muted, size: 11, align: "end" });
  brush.line(
    [
      [left, base - PRODUCT_HIGH],
      [left + count * bar, base - PRODUCT_HIGH],
    ],
    { stroke: palette.rule, dash: [2, 3] },
  );
  const gap = bar > 6 ? Math.min(4, bar * 0.15) : 0;
  seen.forEach((place, order) => {
    const x = left + order * bar;
    const picked = place === key;
    const fill = css(weightColor(palette, picked ? 0.85 : 0.45));
    brush.rect(x + gap, base - height(weights[order]), Math.max(0.6, bar - 2 * gap), height(weights[order]), {
      fill,
    });
    if (alone)
      productPaintAlone(brush, palette, x + gap / 2, Math.max(1.5, bar - gap), base - height(alone[order]));
    if (layout.named) productPaintName(brush, palette, layout, keys[place].shown, { order, picked });
  });
  productPaintPicked(brush, palette, layout, product, keys);
  if (pointed >= 0)
    brush.rect(left + pointed * bar, PRODUCT_TOP - 4, Math.max(2, bar), PRODUCT_HIGH + 4, {
      stroke: palette.foreground,
    });
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {number} x
 * @param {number} width
 * @param {number} y
 */
function productPaintAlone(brush, palette, x, width, y) {
  brush.line(
    [
      [x, y],
      [x + width, y],
    ],
    { stroke: palette.foreground, lineWidth: 1.5 },
  );
}

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {KeysLayout} layout
 * @param {string} name
 * @param {{order: number, picked: boolean}} at
 */
function productPaintName(brush, palette, { left, bar, base }, name, { order, picked }) {
  const letters = [...name];
  const text = letters.length > PRODUCT_LETTERS ? `${letters.slice(0, PRODUCT_LETTERS - 1).join("")}…` : name;
  const fill = picked ? palette.foreground : palette.muted;
  brush.text(left + (order + 0.5) * bar, base + 10, text, {
    fill,
    size: 11,
    align: "end",
    turn: -50,
    bold: picked,
  });
}

/**
 * Mark the key picked by more than its colour.
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {KeysLayout} layout
 * @param {Product} product
 * @param {TokenFacts[]} keys
 */
function productPaintPicked(brush, palette, { left, bar, base, named, width }, { seen, key, weights }, keys) {
  const order = seen.indexOf(key);
  if (order < 0) return;
  const x = left + (order + 0.5) * bar;
  const near = Math.max(left + 20, Math.min(x, width - 20));
  brush.text(near, PRODUCT_TOP - 10, weightText(weights[order]), {
    fill: palette.foreground,
    size: 12,
    align: "middle",
    bold: true,
  });
  if (named) return;
  brush.line(
    [
      [x, base],
      [x, base + 8],
    ],
    { stroke: palette.foreground, lineWidth: 2 },
  );
  const align = x < width / 3 ? "start" : x > (2 * width) / 3 ? "end" : "middle";
  brush.text(x, base + 17, keys[key].shown, { fill: palette.foreground, size: 12, align, bold: true });
}
