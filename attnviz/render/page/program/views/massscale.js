// The scale of colours in pictures that are taken away.

import { css } from "../core/colors.js";
import { weightText } from "../core/words.js";

/**
 * @typedef {import("../core/colors.js").Palette} Palette
 * @typedef {import("../core/types.js").Brush} Brush
 * @typedef {import("../core/types.js").RGB} RGB
 */

const MASS_CELLS = 40;
const MASS_WIDTH = 120;
const MASS_BAR = 14;

/**
 * @param {Brush} brush
 * @param {Palette} palette
 * @param {(share: number) => RGB|null} tint
 * @param {{x: number, y: number, top: number}} at `y` is its middle, `top` the weight at its end
 */
export function massPaintScale(brush, palette, tint, { x, y, top }) {
  brush.text(x, y, "0", { fill: palette.muted });
  const width = MASS_WIDTH / MASS_CELLS;
  for (let cell = 0; cell < MASS_CELLS; cell += 1) {
    const color = tint(cell / (MASS_CELLS - 1));
    const fill = color ? css(color) : palette.background;
    brush.rect(x + MASS_BAR + cell * width, y - 5, width + 0.5, 10, { fill });
  }
  brush.rect(x + MASS_BAR, y - 5, MASS_WIDTH, 10, { stroke: palette.rule });
  brush.text(x + MASS_BAR + MASS_WIDTH + 8, y, weightText(top), { fill: palette.muted });
}
