// Queries at the left, keys at the right, and between them the weights as lines.

import { mountEither, whyNoLinks } from "../parts/either.js";
import { LinesOfLong } from "./lines-long.js";
import { LinesPanel } from "./lines-panel.js";

/** @type {import("../core/types.js").View} */
export const linesView = {
  name: "lines",
  title: "Lines",
  hint:
    "Queries on the left read keys on the right; the stronger a line, the larger the weight. " +
    "Point at a token to see its lines alone.",
  offered: (page, state) => whyNoLinks(page.map(state.map)) === null,
  longHint:
    "The queries of the row picked on the left, the keys they read most on the right; the stronger a line, the larger " +
    "the weight. Pick another row in the heatmap, or step.",
  off: (page, state) => whyNoLinks(page.map(state.map)),
  mount: (host, context) =>
    mountEither(host, context, (place, map) =>
      map.facts.pooling ? new LinesOfLong(place, context) : new LinesPanel(place, context),
    ),
};
