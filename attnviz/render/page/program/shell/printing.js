// Paper shows the view's own drawing, dense enough for ink, where the view has one.

import { painted } from "./takeaway.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("./takeaway.js").TakeAway} TakeAway
 */

const INK_DENSITY = 3;

/**
 * Put a stand-in beside the view just before a print, and take it away after it.
 * @param {Context} context
 * @param {TakeAway} taking
 * @param {HTMLElement} paper where it goes
 */
export function preparePrint(context, taking, paper) {
  addEventListener("beforeprint", () => {
    const drawing = taking.drawing();
    paper.replaceChildren();
    paper.hidden = !drawing;
    if (drawing) paper.append(painted(drawing, context.palette().background, INK_DENSITY, taking.pictures));
  });
  addEventListener("afterprint", () => {
    paper.replaceChildren();
    paper.hidden = true;
  });
}
