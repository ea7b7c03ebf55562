import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const compareView = {
  name: "compare",
  title: "Compare",
  hint: "Two heads side by side, and where they differ.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
