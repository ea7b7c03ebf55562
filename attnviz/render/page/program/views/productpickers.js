// Which pair is multiplied: a query, and a key it sees.

import { element } from "../core/dom.js";
import { actionButton, named } from "../shell/parts.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").TokenFacts} TokenFacts
 * @typedef {import("./productmath.js").Product} Product
 */

/**
 * @param {(fields: Partial<State>) => void} pick
 * @returns {{node: HTMLElement, update: (map: AttentionMap, state: State, product: Product) => void}}
 */
export function productPickers(pick) {
  const [query, key] = [element("select", { class: "select" }), element("select", { class: "select" })];
  query.addEventListener("change", () => pick({ query: Number(query.value), key: null }));
  key.addEventListener("change", () => pick({ query: Number(query.value), key: Number(key.value) }));
  const strongest = actionButton("Strongest pair", () => pick({ query: null, key: null }), {
    hint: "The largest weight of this head",
  });
  const node = element(
    "div",
    { class: "product-pickers" },
    named("Query q", query),
    named("Key k", key),
    strongest,
  );
  const update = (
    /** @type {AttentionMap} */ map,
    /** @type {State} */ state,
    /** @type {Product} */ product,
  ) => {
    const seen = new Set(product.seen);
    productOptions(query, map.queries.tokens, product.query, () => true);
    productOptions(key, map.keys.tokens, product.key, (place) => seen.has(place));
    strongest.disabled = state.query === null && state.key === null;
  };
  return { node, update };
}

/**
 * @param {HTMLSelectElement} select
 * @param {TokenFacts[]} tokens
 * @param {number} chosen
 * @param {(place: number) => boolean} offered
 */
function productOptions(select, tokens, chosen, offered) {
  if (select.options.length !== tokens.length || select.dataset.first !== tokens[0].shown) {
    const options = tokens.map(({ shown }, place) =>
      element("option", { value: place }, `${place} ${shown}`),
    );
    select.replaceChildren(...options);
    select.dataset.first = tokens[0].shown;
  }
  for (const option of select.options) option.disabled = !offered(Number(option.value));
  select.value = String(chosen);
}
