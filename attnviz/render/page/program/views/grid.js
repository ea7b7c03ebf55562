import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const gridView = {
  name: "grid",
  title: "Heads",
  hint: "Every head at a glance; pick one to look at it closely.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
