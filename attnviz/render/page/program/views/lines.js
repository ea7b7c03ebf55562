import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const linesView = {
  name: "lines",
  title: "Lines",
  hint: "Queries on the left, keys on the right; a line is as strong as the weight.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
