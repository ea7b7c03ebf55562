import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const productView = {
  name: "product",
  title: "q · k",
  hint: "How a weight comes about: query times key, term by term.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
