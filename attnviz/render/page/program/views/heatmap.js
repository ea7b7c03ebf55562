import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const heatmapView = {
  name: "heatmap",
  title: "Heatmap",
  hint: "Each row is a query, each column a key; the darker a cell, the more the query reads of the key.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
