// How weights are laid over the picture: the reader's choice, of this moment only.

import { element } from "../core/dom.js";
import { onOff, slide, slider } from "../shell/parts.js";

/** @typedef {import("./picturepaint.js").PictureLook} PictureLook */

const PICTURE_LOOKS = /** @type {[PictureLook, string][]} */ ([
  ["colours", "Colours"],
  ["light", "Spotlight"],
  ["frames", "Frames"],
]);
const PICTURE_STRENGTH = 70;

/**
 * @param {() => void} changed
 * @returns {{nodes: HTMLElement[], chosen: () => {look: PictureLook, strength: number, lines: boolean}}}
 */
export function pictureLooks(changed) {
  const options = PICTURE_LOOKS.map(([value, title]) => element("option", { value }, title));
  const look = element("select", { class: "select", "aria-label": "How weights are shown" }, ...options);
  look.addEventListener("change", changed);
  const strength = slider({ label: "How dense", max: 100 }, (value) => {
    slide(strength, value, `${value} %`);
    changed();
  });
  slide(strength, PICTURE_STRENGTH, `${PICTURE_STRENGTH} %`);
  const dense = element("label", { class: "switch picture-dense" }, element("span", {}, "Density"), strength);
  const lines = onOff("Grid", changed, "Draw the borders of the patches");
  const chosen = () => ({
    look: /** @type {PictureLook} */ (look.value),
    strength: strength.valueAsNumber / 100,
    lines: lines.input.checked,
  });
  return { nodes: [look, dense, lines.node], chosen };
}
