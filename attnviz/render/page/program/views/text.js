// The sentence as running text: press a word, and see whom it reads and who reads it.

import { mountEither, whyNoLinks } from "../parts/either.js";
import { TextOfLong } from "./text-long.js";
import { TextMounted } from "./text-panel.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 */

/** @type {import("../core/types.js").View} */
export const textView = {
  name: "text",
  title: "Text",
  hint: "Press a word to see whom it reads and who reads it.",
  longHint: "The text around what is picked. Press a word to see whom it reads most and who reads it.",
  offered: (page, state) => hasText(page.map(state.map)) && whyNoLinks(page.map(state.map)) === null,
  off: (page, state) => (hasText(page.map(state.map)) ? whyNoLinks(page.map(state.map)) : null),
  mount: (host, context) =>
    mountEither(host, context, (place, map) =>
      map.facts.pooling ? new TextOfLong(place, context) : new TextMounted(place, context),
    ),
};

/**
 * @param {AttentionMap} map
 * @returns {boolean}
 */
function hasText({ queries, keys }) {
  return [queries, keys].some(({ tokens, whole }) =>
    (whole?.types ?? tokens).some(({ kind }) => kind === "text" || kind === "generated"),
  );
}
