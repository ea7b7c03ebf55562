import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const textView = {
  name: "text",
  title: "Text",
  hint: "Click a word to see what it reads and who reads it.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
