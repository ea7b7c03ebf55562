// The line below the view: what is under the pointer, and how an errand went.

import { element } from "../core/dom.js";

/**
 * @returns {{node: HTMLElement, say: (sentence: string) => void}}
 */
export function sayingLine() {
  const node = element("p", { class: "saying", role: "status", "aria-live": "polite" });
  return { node, say: (sentence) => (node.textContent = sentence) };
}
