// Lines drawn with a brush: on the screen, and as a picture of all tokens to take away.

import { css, rgb, shareOf } from "../core/colors.js";
import { measurer } from "../core/brush.js";
import { cutLabel, labelText } from "../parts/axis.js";
import { linesEnds, linesInSight, linesY } from "./lines-layout.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("./lines-chosen.js").LinesLink} LinesLink
 * @typedef {import("./lines-layout.js").LinesLayout} LinesLayout
 * @typedef {object} LinesLook
 * @property {Palette} palette
 * @property {"linear"|"log"} scale
 * @property {number} top the weight of the strongest line
 * @property {string[]} colors one for each head drawn
 * @property {number} newest the row whose lines stand before all others; -1 for none
 * @property {boolean} alone whether only some tokens' lines are drawn, so that faint ones can be seen
 * @property {number} only the head whose lines alone are drawn; -1 for all
 */

const LINES_THIN = 0.7;
const LINES_THICK = 3.2;
const LINES_FAINT = 0.1;
const LINES_FAINT_ALONE = 0.25;
const LINES_BEHIND = 0.25;

// On a dark page the categories' colours are brought closer to white.
const LINES_LIGHTER = 0.3;

const LINES_PICTURE = { width: 760, pitch: 20, top: 40, legend: 28, labels: 220, gap: 8 };

/**
 * Give the colours of heads drawn together.
 * @param {Palette} palette
 * @param {number} count
 * @returns {string[]}
 */
export function linesColors(palette, count) {
  return Array.from({ length: count }, (_, place) => {
    const color = rgb(palette.categories[place % palette.categories.length]);
    if (!palette.dark) return css(color);
    const lighter = (/** @type {number} */ part) => part + (255 - part) * LINES_LIGHTER;
    return css([lighter(color[0]), lighter(color[1]), lighter(color[2])]);
  });
}

/**
 * @param {Brush} brush
 * @param {LinesLink[]} links the weakest first
 * @param {LinesLayout} layout
 * @param {LinesLook} look
 */
export function linesPaint(brush, links, layout, { scale, top, colors, newest, only, alone }) {
  const faint = alone ? LINES_FAINT_ALONE : LINES_FAINT;
  for (const link of links) {
    if (only >= 0 && link.head !== only) continue;
    const ends = linesEnds(layout, link, colors.length);
    if (!linesInSight(layout, ends)) continue;
    const share = shareOf(link.weight, top, scale);
    const part = newest >= 0 && link.row !== newest ? LINES_BEHIND : 1;
    brush.curve(layout.left, ends[0], layout.right, ends[1], {
      stroke: colors[link.head],
      lineWidth: LINES_THIN + (LINES_THICK - LINES_THIN) * share,
      alpha: (faint + (1 - faint) * share) * part,
    });
  }
}

/**
 * @typedef {object} LinesContent what a picture shows
 * @property {Label[]} rows
 * @property {Label[]} columns
 * @property {LinesLink[]} links
 * @property {string[]} names of the heads
 * @property {string} told how much of the mass is drawn
 */

/**
 * Draw all tokens of both sides.
 * @param {LinesContent} content
 * @param {LinesLook} look
 * @returns {Drawing}
 */
export function linesPicture({ rows, columns, links, names, told }, look) {
  const { width, pitch, top, labels, gap, legend } = LINES_PICTURE;
  const measure = measurer();
  const room = (/** @type {Label[]} */ side) =>
    Math.min(labels, Math.max(72, ...side.map((label) => measure(labelText(label)))));
  const high = Math.max(rows.length, columns.length) * pitch;
  /** @type {LinesLayout} */
  const layout = {
    pitch,
    view: high,
    rows: rows.length,
    columns: columns.length,
    left: room(rows) + gap,
    right: width - room(columns) - gap,
    scroll: 0,
  };
  return {
    width,
    height: top + high + legend,
    paint(brush) {
      const moved = linesMoved(brush, top);
      linesPaint(moved, links, layout, look);
      linesPaintSide(moved, rows, layout, "query", look, labels);
      linesPaintSide(moved, columns, layout, "key", look, labels);
      const { muted, foreground } = look.palette;
      brush.text(layout.left - gap, top - 14, "from (query)", { fill: muted, align: "end", size: 11 });
      brush.text(layout.right + gap, top - 14, "to (key)", { fill: muted, size: 11 });
      let x = 0;
      names.forEach((name, place) => {
        brush.rect(x, 5, 14, 4, { fill: look.colors[place] });
        brush.text(x + 20, 7, name, { fill: foreground });
        x += 40 + measure(name);
      });
      brush.text(0, top + high + legend - 10, told, { fill: muted, size: 11 });
    },
  };
}

/**
 * @param {Brush} brush
 * @param {number} down
 * @returns {Brush}
 */
function linesMoved(brush, down) {
  return {
    ...brush,
    curve: (x1, y1, x2, y2, style) => brush.curve(x1, y1 + down, x2, y2 + down, style),
    text: (x, y, text, style) => brush.text(x, y + down, text, style),
    line: (points, style) =>
      brush.line(
        points.map(([x, y]) => [x, y + down]),
        style,
      ),
  };
}

/**
 * @param {Brush} brush
 * @param {Label[]} tokens
 * @param {LinesLayout} layout
 * @param {"query"|"key"} side
 * @param {LinesLook} look
 * @param {number} room
 */
function linesPaintSide(brush, tokens, layout, side, { palette }, room) {
  const { gap } = LINES_PICTURE;
  tokens.forEach((label, place) => {
    const y = linesY(layout, side, place);
    const text = cutLabel(labelText(label), room, (part) => brush.measure(part));
    const x = side === "query" ? layout.left - gap : layout.right + gap;
    const fill = label.kind === "special" ? palette.muted : palette.foreground;
    brush.text(x, y, text, {
      fill,
      align: side === "query" ? "end" : "start",
      bold: label.kind === "generated",
    });
  });
}
