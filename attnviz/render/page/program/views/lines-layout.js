// Where the tokens of both sides stand, and what line goes where. Lengths are CSS pixels.

/**
 * @typedef {import("./lines-chosen.js").LinesLink} LinesLink
 * @typedef {"query"|"key"} LinesSide
 * @typedef {object} LinesLayout
 * @property {number} pitch from one token to the next
 * @property {number} view the height in sight
 * @property {number} rows
 * @property {number} columns
 * @property {number} left where lines begin
 * @property {number} right where lines end
 * @property {number} scroll how far down the longer side is, 0 to `linesScrollable`
 */

export const LINES_PITCH = { least: 20, finger: 24, most: 30 };

const LINES_PAGE = 10;

/** @type {Object<string, number>} how many tokens a key moves by */
export const LINES_STEPS = {
  ArrowUp: -1,
  ArrowDown: 1,
  PageUp: -LINES_PAGE,
  PageDown: LINES_PAGE,
  Home: -Infinity,
  End: Infinity,
};

// Lines of several heads begin so far from each other.
const LINES_APART = 2.5;

/**
 * Find how far apart tokens stand: the longer side fills what is in sight, within reason.
 * @param {number} view
 * @param {number} count tokens of the longer side
 * @param {boolean} finger whether they have to be hit with one
 * @returns {number}
 */
export function linesPitch(view, count, finger) {
  const least = finger ? LINES_PITCH.finger : LINES_PITCH.least;
  return Math.max(least, Math.min(LINES_PITCH.most, Math.floor(view / Math.max(1, count))));
}

/**
 * @param {LinesLayout} layout
 * @returns {number} how far down the longer side can go
 */
export function linesScrollable({ rows, columns, pitch, view }) {
  return Math.max(0, Math.max(rows, columns) * pitch - view);
}

/**
 * Say how far up a side is moved. Both sides are in step: at their beginnings and at their ends together.
 * @param {LinesLayout} layout
 * @param {LinesSide} side
 * @returns {number}
 */
export function linesOffset(layout, side) {
  const own = (side === "query" ? layout.rows : layout.columns) * layout.pitch;
  const most = linesScrollable(layout);
  return most > 0 ? (layout.scroll / most) * Math.max(0, own - layout.view) : 0;
}

/**
 * Find the middle of a token in what is in sight.
 * @param {LinesLayout} layout
 * @param {LinesSide} side
 * @param {number} place
 * @returns {number}
 */
export function linesY(layout, side, place) {
  return (place + 0.5) * layout.pitch - linesOffset(layout, side);
}

/**
 * Say how far down the longer side must be so that a token is in sight; as little as possible is moved.
 * @param {LinesLayout} layout
 * @param {LinesSide} side
 * @param {number} place
 * @param {boolean} middle whether it is to stand in the middle, if it is out of sight
 * @returns {number}
 */
export function linesScrollTo(layout, side, place, middle) {
  const own = (side === "query" ? layout.rows : layout.columns) * layout.pitch;
  const free = own - layout.view;
  if (free <= 0) return layout.scroll;
  // One token more than asked for, so that the reader sees where it goes on.
  const [top, bottom] = [(place - 1) * layout.pitch, (place + 2) * layout.pitch];
  const offset = linesOffset(layout, side);
  if (top >= offset && bottom <= offset + layout.view) return layout.scroll;
  const edge = top < offset ? top : bottom - layout.view;
  const wanted = middle ? (place + 0.5) * layout.pitch - layout.view / 2 : edge;
  return (Math.min(free, Math.max(0, wanted)) / free) * linesScrollable(layout);
}

/**
 * Find the ends of a line.
 * @param {LinesLayout} layout
 * @param {LinesLink} link
 * @param {number} heads how many are drawn
 * @returns {[number, number]} at the left and at the right
 */
export function linesEnds(layout, { head, row, column }, heads) {
  const shift = (head - (heads - 1) / 2) * LINES_APART;
  return [linesY(layout, "query", row) + shift, linesY(layout, "key", column) + shift];
}

/**
 * Whether any of a line is in sight.
 * @param {LinesLayout} layout
 * @param {[number, number]} ends
 * @returns {boolean}
 */
export function linesInSight({ view }, [left, right]) {
  return !(left < 0 && right < 0) && !(left > view && right > view);
}

/**
 * Find the line that passes closest to a point: of those as close, the strongest.
 * @param {LinesLayout} layout
 * @param {LinesLink[]} links
 * @param {number} heads
 * @param {{x: number, y: number}} point
 * @param {number} reach how far off the line may be
 * @returns {LinesLink|null}
 */
export function linesNearest(layout, links, heads, { x, y }, reach) {
  const across = (x - layout.left) / (layout.right - layout.left);
  if (across < 0 || across > 1) return null;
  const down = linesRise(across);
  /** @type {LinesLink|null} */
  let found = null;
  let nearest = reach;
  for (const link of links) {
    const [from, to] = linesEnds(layout, link, heads);
    const distance = Math.abs(from + (to - from) * down - y);
    // Links come weakest first.
    if (distance <= nearest) [found, nearest] = [link, distance];
  }
  return found;
}

/**
 * Say how much of its way down a line has gone at a place across: the curve of `Brush.curve`.
 * @param {number} across 0 to 1
 * @returns {number} 0 to 1
 */
export function linesRise(across) {
  let [low, high] = [0, 1];
  // x(t) = 1.5 t (1 - t) + t³ rises all the way, so halving finds the t of a place.
  for (let round = 0; round < 30; round += 1) {
    const middle = (low + high) / 2;
    if (1.5 * middle * (1 - middle) + middle ** 3 < across) low = middle;
    else high = middle;
  }
  return 3 * low ** 2 - 2 * low ** 3;
}
