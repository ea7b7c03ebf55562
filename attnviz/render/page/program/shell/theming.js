// The theme in force: the reader's choice or the system's, and white paper in print.

import { makePalette } from "../core/colors.js";

/**
 * @typedef {import("../core/data.js").Page} Page
 * @typedef {import("../core/state.js").Store} Store
 * @typedef {import("../core/colors.js").Palette} Palette
 */

// How far up the scale of weights the colour of what is picked stands; it reads on the page in both themes.
const ACCENT = 0.75;

/**
 * Keep the page's colours in step with the state and the system.
 * @param {Page} page
 * @param {Store} store
 * @returns {() => Palette} of the theme in force
 */
export function watchTheme(page, store) {
  const { themes, categories } = page.facts;
  const palettes = {
    light: makePalette(themes.light, false, categories),
    dark: makePalette(themes.dark, true, categories),
  };
  const night = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;
  const named = () => {
    const { theme } = store.state;
    if (printing) return "light";
    return theme === "auto" ? (night.matches ? "dark" : "light") : theme;
  };
  const palette = () => palettes[named()];
  const again = () => store.tell(new Set(["theme"]));
  const print = (/** @type {boolean} */ begins) => {
    printing = begins;
    again();
  };
  store.listen((_, changed) => {
    if (changed.has("theme")) wear(palette());
  });
  night.addEventListener("change", again);
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  wear(palette());
  return palette;
}

/** @param {Palette} palette */
function wear(palette) {
  const root = document.documentElement;
  root.dataset.theme = palette.dark ? "dark" : "light";
  root.style.colorScheme = palette.dark ? "dark" : "light";
  const accent = palette.scale[Math.round((palette.scale.length - 1) * ACCENT)];
  const { background, foreground, muted, rule, masked } = palette;
  const colors = { background, foreground, muted, rule, masked, accent };
  for (const [name, color] of Object.entries(colors)) root.style.setProperty(`--${name}`, color);
}
