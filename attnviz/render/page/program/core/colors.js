// Colours: the same scales as the package's pictures, from "no weight" to "all of it".

/**
 * @typedef {import("./types.js").ThemeFacts} ThemeFacts
 * @typedef {import("./types.js").RGB} RGB
 * @typedef {ThemeFacts & {dark: boolean, categories: string[], stops: RGB[], differences: RGB[]}} Palette
 */

/** The smallest share of the top that a logarithmic scale tells from nothing. */
let logFloor = 1e-3;

/** @returns {number} the share of the top at which a logarithmic scale ends */
export function endOfLog() {
  return logFloor;
}

/**
 * Let a logarithmic scale tell from nothing what mass spread evenly over so many keys would be.
 * @param {number} keys
 */
export function spanLogOver(keys) {
  logFloor = Math.min(1e-3, 1 / keys);
}

/**
 * @param {ThemeFacts} theme
 * @param {boolean} dark
 * @param {string[]} categories
 * @returns {Palette}
 */
export function makePalette(theme, dark, categories) {
  return { ...theme, dark, categories, stops: theme.scale.map(rgb), differences: theme.diverging.map(rgb) };
}

/**
 * @param {string} hex such as "#08306b"
 * @returns {RGB}
 */
export function rgb(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/**
 * @param {RGB} color
 * @returns {string}
 */
export function css([red, green, blue]) {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
}

/**
 * Place a weight on the scale.
 * @param {number} weight
 * @param {number} top the weight with the scale's last colour
 * @param {"linear"|"log"} scale the logarithmic one spans three powers of ten, or more where keys are many
 * @returns {number} 0 to 1
 */
export function shareOf(weight, top, scale) {
  const share = top > 0 ? Math.min(1, Math.max(0, weight / top)) : 0;
  if (scale === "linear" || share === 0) return share;
  return Math.max(0, 1 - Math.log10(share) / Math.log10(logFloor));
}

/**
 * Give the colour between two stops.
 * @param {RGB[]} stops evenly spaced
 * @param {number} share 0 to 1
 * @returns {RGB}
 */
export function between(stops, share) {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2);
  const part = place - below;
  const [low, high] = [stops[below], stops[below + 1]];
  const mix = (/** @type {0|1|2} */ channel) => low[channel] + (high[channel] - low[channel]) * part;
  return [mix(0), mix(1), mix(2)];
}

/**
 * Give a weight's colour.
 * @param {Palette} palette
 * @param {number} share of the scale, 0 to 1
 * @returns {RGB}
 */
export function weightColor(palette, share) {
  return between(palette.stops, share);
}

/**
 * Give the colour of a difference.
 * @param {Palette} palette
 * @param {number} share -1 to 1
 * @returns {RGB}
 */
export function differenceColor(palette, share) {
  return between(palette.differences, (share + 1) / 2);
}

/**
 * Give the ink that reads best on a colour: relative luminance of WCAG 2.2.
 * @param {RGB} color
 * @returns {string}
 */
export function inkOn(color) {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#111111" : "#ffffff";
}
