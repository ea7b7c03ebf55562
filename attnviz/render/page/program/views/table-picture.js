// The table as a picture.

import { TABLE_NO_PATTERN, tableCoverage } from "./table-facts.js";

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("./table-columns.js").TableColumn} TableColumn
 */

/**
 * What is drawn.
 * @typedef {object} TableShown
 * @property {AttentionMap} map
 * @property {TableColumn[]} columns
 * @property {HeadFacts[]} heads in their order
 * @property {string} picked
 */

const TABLE_PICTURE_ROWS = 40;
const TABLE_ROW = 22;
const TABLE_TOP = 32;
const TABLE_EDGE = 12;
const TABLE_GAP = 18;

// The widest a cell's text may be drawn; the rest is cut off.
const TABLE_WIDEST = 260;

/**
 * Draw the first rows of a table.
 * @param {TableShown} shown
 * @param {Palette} palette
 * @param {Brush["measure"]} measure
 * @returns {Drawing}
 */
export function tableDrawing(shown, palette, measure) {
  const rows = shown.heads.slice(0, TABLE_PICTURE_ROWS);
  const spans = tableSpans(shown, rows, measure);
  const last = spans[spans.length - 1];
  const bottom = TABLE_TOP + rows.length * TABLE_ROW;
  return {
    width: last.x + last.width + TABLE_EDGE,
    height: bottom + 36,
    paint(brush) {
      paintTableTitles(brush, spans, palette);
      rows.forEach((head, place) =>
        paintTableRow(brush, head, TABLE_TOP + place * TABLE_ROW, spans, shown.picked, palette),
      );
      brush.line(
        [
          [TABLE_EDGE, bottom],
          [last.x + last.width, bottom],
        ],
        { stroke: palette.rule },
      );
      paintTableRest(brush, shown, bottom + 22, palette);
    },
  };
}

/**
 * @typedef {{column: TableColumn, x: number, width: number, texts: Map<HeadFacts, string>}} TableSpan
 */

/**
 * Give each column the place its longest text needs.
 * @param {TableShown} shown
 * @param {HeadFacts[]} rows
 * @param {Brush["measure"]} measure
 * @returns {TableSpan[]}
 */
function tableSpans({ columns }, rows, measure) {
  let x = TABLE_EDGE;
  return columns.map((column) => {
    const texts = new Map(rows.map((head) => [head, tableCut(column.text(head), measure)]));
    const widths = [...texts.values()].map((text) => measure(text));
    const width = Math.ceil(Math.max(measure(tableTitle(column), 11), ...widths));
    const span = { column, x, width, texts };
    x += width + TABLE_GAP;
    return span;
  });
}

/**
 * @param {string} text
 * @param {Brush["measure"]} measure
 * @returns {string}
 */
function tableCut(text, measure) {
  // What is far too long is not measured letter by letter.
  const letters = [...text.slice(0, 400)];
  if (text.length <= 400 && measure(text) <= TABLE_WIDEST) return text;
  while (letters.length > 0 && measure(`${letters.join("")}…`) > TABLE_WIDEST) letters.pop();
  return `${letters.join("")}…`;
}

/**
 * @param {TableColumn} column
 * @returns {string}
 */
function tableTitle({ title, unit }) {
  return unit ? `${title}, ${unit}` : title;
}

/**
 * @param {Brush} brush
 * @param {TableSpan[]} spans
 * @param {Palette} palette
 */
function paintTableTitles(brush, spans, palette) {
  for (const { column, x, width } of spans) {
    const [place, align] = column.numeric
      ? [x + width, /** @type {const} */ ("end")]
      : [x, /** @type {const} */ ("start")];
    brush.text(place, 14, tableTitle(column), { fill: palette.muted, size: 11, align });
  }
  const end = spans[spans.length - 1];
  brush.line(
    [
      [TABLE_EDGE, TABLE_TOP - 4],
      [end.x + end.width, TABLE_TOP - 4],
    ],
    { stroke: palette.rule },
  );
}

/**
 * @param {Brush} brush
 * @param {HeadFacts} head
 * @param {number} y
 * @param {TableSpan[]} spans
 * @param {string} picked
 * @param {Palette} palette
 */
function paintTableRow(brush, head, y, spans, picked, palette) {
  const unclear = head.pattern.label === TABLE_NO_PATTERN;
  if (head.head === picked) brush.rect(TABLE_EDGE - 10, y, 3, TABLE_ROW, { fill: palette.foreground });
  for (const { column, x, width, texts } of spans) {
    const faint = unclear && ["pattern", "score", "chance"].includes(column.name);
    const fill = faint ? palette.muted : palette.foreground;
    const bold = column.name === "head";
    const text = texts.get(head) ?? "";
    if (column.numeric) brush.text(x + width, y + TABLE_ROW / 2, text, { fill, align: "end" });
    else brush.text(x, y + TABLE_ROW / 2, text, { fill, bold });
  }
}

/**
 * Say what the picture leaves out, and what all heads link.
 * @param {Brush} brush
 * @param {TableShown} shown
 * @param {number} y
 * @param {Palette} palette
 */
function paintTableRest(brush, { heads, map }, y, palette) {
  const more = heads.length - TABLE_PICTURE_ROWS;
  const rest = more > 0 ? `and ${more} more ${more === 1 ? "head" : "heads"}; ` : "";
  const linked = map.facts.covered ? `all heads together link ${tableCoverage(map)}` : "";
  brush.text(TABLE_EDGE, y, `${rest}${linked}`, { fill: palette.muted });
}
