// A drawing that leaves the page takes along what it shows and where it comes from.

/**
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").View} View
 */

const MARGIN = 20;
const HEADING = { size: 15, height: 32 };
const SOURCE = { size: 11, height: 17 };
const NARROWEST = 360;

/**
 * Put a heading above a drawing, and the text, the model and the caution below it.
 * @param {Drawing} drawing
 * @param {Context} context
 * @param {View} view
 * @returns {Drawing}
 */
export function framed(drawing, { page, store, palette }, view) {
  const { foreground, muted } = palette();
  const { head, map: id } = store.state;
  const { title, model, caution, version } = page.facts;
  const width = Math.max(drawing.width, NARROWEST);
  const named = view.everyHead ? view.title : `${head}, ${view.title.toLowerCase()}`;
  const heading = drawing.heading ?? `${named}: ${page.map(id).facts.title}`;
  const below = [title, `${model}, drawn by attnviz ${version}`, caution];
  const top = MARGIN + HEADING.height;
  const foot = top + drawing.height + MARGIN;
  return {
    width: width + 2 * MARGIN,
    height: foot + below.length * SOURCE.height + MARGIN,
    paint(brush) {
      const line = (
        /** @type {string} */ text,
        /** @type {number} */ y,
        /** @type {number} */ size,
        bold = false,
      ) =>
        brush.text(MARGIN, y, fitting(brush, text, width, size), {
          fill: bold ? foreground : muted,
          size,
          bold,
        });
      line(heading, MARGIN + HEADING.size / 2, HEADING.size, true);
      drawing.paint(shifted(brush, MARGIN, top));
      below.forEach((text, place) => line(text, foot + (place + 0.5) * SOURCE.height, SOURCE.size));
    },
  };
}

/**
 * Cut a line where it would run out of the picture.
 * @param {Brush} brush
 * @param {string} text
 * @param {number} width
 * @param {number} size
 * @returns {string}
 */
function fitting(brush, text, width, size) {
  const letters = [...text];
  const fits = (/** @type {number} */ count) =>
    brush.measure(count < letters.length ? `${letters.slice(0, count).join("")}…` : text, size) <= width;
  let [most, least] = [letters.length, 0];
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (fits(middle)) least = middle;
    else most = middle - 1;
  }
  return most < letters.length ? `${letters.slice(0, most).join("")}…` : text;
}

/**
 * Give a brush whose origin lies elsewhere.
 * @param {Brush} brush
 * @param {number} right
 * @param {number} down
 * @returns {Brush}
 */
export function shifted(brush, right, down) {
  return {
    rect: (x, y, ...rest) => brush.rect(x + right, y + down, ...rest),
    line: (points, style) =>
      brush.line(
        points.map(([x, y]) => [x + right, y + down]),
        style,
      ),
    curve: (x1, y1, x2, y2, style) => brush.curve(x1 + right, y1 + down, x2 + right, y2 + down, style),
    text: (x, y, ...rest) => brush.text(x + right, y + down, ...rest),
    cells: (x, y, ...rest) => brush.cells(x + right, y + down, ...rest),
    picture: (x, y, ...rest) => brush.picture(x + right, y + down, ...rest),
    clip: (x, y, ...rest) => brush.clip(x + right, y + down, ...rest),
    measure: brush.measure,
  };
}
