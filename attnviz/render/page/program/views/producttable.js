// The terms as a table, for reading out and for copying.

import { element } from "../core/dom.js";
import { productOrder, productRunning } from "./productmath.js";
import { productText } from "./productwords.js";

/** @typedef {import("./productmath.js").Product} Product */

/**
 * @param {Product} product
 * @param {boolean} largestFirst
 * @returns {HTMLTableElement}
 */
export function productTable({ terms, learnsDistances }, largestFirst) {
  const ordered = productOrder(terms, largestFirst);
  const running = productRunning(ordered);
  const names = ["number", "q", "k", ...(learnsDistances ? ["distance"] : []), "product", "sum"];
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  const rows = ordered.map(({ index, query, key, distance, product }, place) => {
    const numbers = [query, key, ...(learnsDistances ? [distance] : []), product, running[place]];
    const cells = numbers.map((number) => element("td", {}, productText(number)));
    return element("tr", {}, element("th", { scope: "row" }, String(index)), ...cells);
  });
  return element(
    "table",
    { class: "product-table" },
    element("thead", {}, head),
    element("tbody", {}, ...rows),
  );
}
