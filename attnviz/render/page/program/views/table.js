import { element } from "../core/dom.js";

/** @type {import("../core/types.js").View} */
export const tableView = {
  name: "table",
  title: "Table",
  hint: "What every head reads, its pattern and how broad it is.",
  offered: () => true,
  mount(host) {
    host.append(element("p", {}, "to come"));
    return { update: () => {}, drawing: () => null, close: () => host.replaceChildren() };
  },
};
