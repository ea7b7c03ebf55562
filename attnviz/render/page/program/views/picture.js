import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const pictureView = {
  name: "picture",
  title: "Picture",
  hint: "What a query reads of the picture, laid over it.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
