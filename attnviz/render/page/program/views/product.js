// How a weight comes about: a query times a key, term by term, and the softmax over all keys.

import { canvasBrush } from "../core/brush.js";
import { element, fitted } from "../core/dom.js";
import { exactText } from "../core/words.js";
import { shifted } from "../shell/framing.js";
import { productKeyAt, productKeysLayout, productPaintKeys } from "./productkeys.js";
import { productOf, productOrder, productPair, productRunning } from "./productmath.js";
import { productPickers } from "./productpickers.js";
import { productTable } from "./producttable.js";
import { productLayout, productPaintTerms, productTermAt } from "./productterms.js";
import { productSteps, productTermText, productVerdict } from "./productwords.js";

/**
 * @typedef {import("../core/data.js").Vectors} Vectors
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").Mounted} Mounted
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./productmath.js").Product} Product
 */

/** @type {import("../core/types.js").View} */
export const productView = {
  name: "product",
  title: "q · k",
  unweighed: true,
  hint: "How a weight comes about: a query times a key, number by number, and the softmax over all keys.",
  offered: (page) => page.maps.some(({ facts }) => facts.vectors !== null),
  off: (page, state) =>
    page.map(state.map).facts.pooling ? "the vectors of a text this long are not in the page" : null,
  mount: (host, context) => new ProductMounted(host, context),
};

const PRODUCT_MISSING =
  "This map holds no query and key vectors. Pick a map of weights, or write the page with them: attnviz page TEXT --vectors.";
const PRODUCT_NARROWEST = 240;

/**
 * The view on screen.
 * @implements {Mounted}
 */
class ProductMounted {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    /** @type {{of: string, vectors: Vectors}|null} those at hand, and the map and head they are of */
    this.held = null;
    /** @type {Product|null} */
    this.product = null;
    this.largestFirst = false;
    this.term = -1;
    this.pointed = -1;
    this.pickers = productPickers((fields) => context.store.set(fields));
    this.order = element(
      "button",
      { type: "button", class: "button", "aria-pressed": "false" },
      "Largest first",
    );
    this.terms = productSlider("Products, one by one");
    this.keys = productSlider("Keys this query sees");
    this.steps = element("dl", { class: "product-steps" });
    this.verdict = element("p", { class: "product-verdict" });
    this.told = element("p", { class: "note product-told" });
    this.legend = element("p", { class: "note product-legend" });
    this.details = element(
      "details",
      { class: "product-details" },
      element("summary", {}, "All numbers as a table"),
    );
    this.missing = element("p", { class: "note" }, PRODUCT_MISSING);
    this.body = this.makeBody();
    this.root = element("div", { class: "product-view" }, this.missing, this.body);
    this.listen();
    host.append(this.root);
    this.update(context.store.state, new Set(["map"]));
  }

  makeBody() {
    const heading = (/** @type {string} */ text) => element("h2", { class: "product-heading" }, text);
    const first = element("div", { class: "product-line" }, heading("Number by number"), this.order);
    return element(
      "div",
      { class: "product-body" },
      this.pickers.node,
      this.steps,
      this.verdict,
      element("section", {}, first, this.terms, this.told),
      element("section", {}, heading("Among all keys the query sees"), this.keys, this.legend),
      this.details,
    );
  }

  listen() {
    this.order.addEventListener("click", () => this.turn());
    this.terms.addEventListener("pointermove", (event) =>
      this.point(productTermAt(this.layout(), event.offsetX, event.offsetY)),
    );
    this.terms.addEventListener("pointerleave", () => this.point(-1));
    this.terms.addEventListener("focus", () => this.point(Math.max(0, this.term)));
    this.terms.addEventListener("blur", () => this.point(-1));
    this.terms.addEventListener("keydown", (event) => {
      const to = productStep(event, this.term, this.product?.terms.length ?? 0);
      if (to !== null) this.point(to);
    });
    this.keys.addEventListener("pointermove", (event) =>
      this.pointKey(productKeyAt(this.keysLayout(), event.offsetX)),
    );
    this.keys.addEventListener("pointerleave", () => this.pointKey(-1));
    this.keys.addEventListener("click", (event) =>
      this.pickKey(productKeyAt(this.keysLayout(), event.offsetX)),
    );
    this.keys.addEventListener("keydown", (event) => {
      const { seen = [], key = -1 } = this.product ?? {};
      const to = productStep(event, seen.indexOf(key), seen.length);
      if (to !== null) this.pickKey(to);
    });
    this.details.addEventListener("toggle", () => this.showTable());
  }

  get map() {
    return this.context.page.map(this.context.store.state.map);
  }

  get room() {
    return Math.max(PRODUCT_NARROWEST, this.root.clientWidth || this.host.clientWidth);
  }

  layout() {
    const { terms, learnsDistances } = this.product ?? { terms: [], learnsDistances: false };
    return productLayout(Math.max(1, terms.length), this.room, learnsDistances);
  }

  keysLayout() {
    return productKeysLayout(this.product?.seen.length ?? 1, this.room);
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} _changed
   */
  update(state, _changed) {
    const { map } = this;
    const has = map.facts.vectors !== null && map.isOpen(state.head);
    this.missing.hidden = map.facts.vectors !== null;
    this.body.hidden = !has;
    this.product = null;
    if (!has) return;
    const wanted = `${state.map} ${state.head}`;
    if (this.held?.of !== wanted) return void this.open(wanted, state.head);
    this.product = productOf(map, state.head, this.held.vectors, productPair(map, state));
    this.show(state);
  }

  /**
   * @param {string} wanted
   * @param {string} head
   */
  async open(wanted, head) {
    const vectors = await this.map.vectors(head);
    const { state } = this.context.store;
    if (!vectors || wanted !== `${state.map} ${state.head}` || !this.root.isConnected) return;
    this.held = { of: wanted, vectors };
    this.update(state, new Set());
  }

  /** @param {State} state */
  show(state) {
    const { map, product } = this;
    if (!product) return;
    this.pickers.update(map, state, product);
    const steps = productSteps(product).map(({ name, number, about }) =>
      element(
        "div",
        {},
        element("dt", {}, name),
        element("dd", {}, element("strong", {}, number), element("span", {}, about)),
      ),
    );
    this.steps.replaceChildren(...steps);
    this.verdict.textContent = productVerdict(map, state.head, product);
    const line = ", the line across each is the softmax of its logit";
    this.legend.textContent = `Bars are the model's weights${product.alone ? line : ""}.`;
    this.drawTerms();
    this.drawKeys();
    this.showTable();
  }

  drawTerms() {
    if (!this.product) return;
    const layout = this.layout();
    const canvas = fitted(this.terms, layout.width, layout.height);
    canvas.clearRect(0, 0, layout.width, layout.height);
    const terms = productOrder(this.product.terms, this.largestFirst);
    productPaintTerms(canvasBrush(canvas), this.context.palette(), layout, terms, this.term);
    const place = Math.max(0, this.term);
    const told = productTermText(terms[place], productRunning(terms)[place], this.product.learnsDistances);
    productSlide(this.terms, place, terms.length - 1, told);
    this.told.textContent = this.term < 0 ? this.resting() : told;
  }

  /** @returns {string} what is said while no term is pointed at */
  resting() {
    const point = "Point at a column, or reach it with the arrow keys, to read its numbers.";
    return this.product?.learnsDistances
      ? `${point} “distance” is what a key so far away adds to itself.`
      : point;
  }

  drawKeys() {
    const { product } = this;
    if (!product) return;
    const layout = this.keysLayout();
    const canvas = fitted(this.keys, layout.width, layout.height);
    canvas.clearRect(0, 0, layout.width, layout.height);
    productPaintKeys(
      canvasBrush(canvas),
      this.context.palette(),
      layout,
      product,
      this.map.keys.tokens,
      this.pointed,
    );
    const place = Math.max(0, product.seen.indexOf(product.key));
    productSlide(this.keys, place, product.seen.length - 1, this.toldOfKey(place));
  }

  /**
   * @param {number} place among the keys seen
   * @returns {string}
   */
  toldOfKey(place) {
    if (!this.product) return "";
    const { seen, weights, alone } = this.product;
    const token = this.map.keys.tokens[seen[place]];
    return `${token.shown}: weight ${exactText(weights[place])}${alone ? `, softmax ${exactText(alone[place])}` : ""}`;
  }

  showTable() {
    const shown = this.details.querySelector("table");
    shown?.remove();
    if (this.details.open && this.product) this.details.append(productTable(this.product, this.largestFirst));
  }

  turn() {
    this.largestFirst = !this.largestFirst;
    this.order.setAttribute("aria-pressed", String(this.largestFirst));
    this.drawTerms();
    this.showTable();
  }

  /** @param {number} place */
  point(place) {
    if (place === this.term) return;
    this.term = place;
    this.drawTerms();
  }

  /** @param {number} place */
  pointKey(place) {
    if (place === this.pointed) return;
    this.pointed = place;
    this.drawKeys();
    if (place >= 0) this.context.say(this.toldOfKey(place));
  }

  /** @param {number} place */
  pickKey(place) {
    if (!this.product || place < 0) return;
    this.context.store.set({ query: this.product.query, key: this.product.seen[place] });
  }

  /** @returns {Drawing|null} */
  drawing() {
    const { product, map } = this;
    if (!product) return null;
    const width = Math.max(640, Math.min(960, this.room));
    const terms = productLayout(product.terms.length, width, product.learnsDistances);
    const keys = productKeysLayout(product.seen.length, width);
    const palette = this.context.palette();
    const ordered = productOrder(product.terms, this.largestFirst);
    const [query, key] = [map.queries.tokens[product.query], map.keys.tokens[product.key]];
    const lines = [
      `q of ${query.shown} · k of ${key.shown}`,
      productSteps(product)
        .map(({ name, number }) => `${name} ${number}`)
        .join("  →  "),
      productVerdict(map, this.context.store.state.head, product),
    ];
    const top = lines.length * 20 + 16;
    return {
      width,
      height: top + terms.height + keys.height,
      paint: (brush) => {
        lines.forEach((line, place) => {
          brush.text(0, 8 + place * 20, line, { fill: palette.foreground, size: 13, bold: place === 0 });
        });
        productPaintTerms(shifted(brush, 0, top), palette, terms, ordered, -1);
        productPaintKeys(shifted(brush, 0, top + terms.height), palette, keys, product, map.keys.tokens, -1);
      },
    };
  }

  close() {
    this.root.remove();
  }
}

/**
 * A canvas whose columns are reached with the arrow keys, and told as a slider is.
 * @param {string} name
 * @returns {HTMLCanvasElement}
 */
function productSlider(name) {
  return element("canvas", {
    class: "product-canvas",
    tabindex: 0,
    role: "slider",
    "aria-label": name,
    "aria-valuemin": 0,
  });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} place
 * @param {number} last
 * @param {string} text
 */
function productSlide(canvas, place, last, text) {
  canvas.setAttribute("aria-valuemax", String(last));
  canvas.setAttribute("aria-valuenow", String(place));
  canvas.setAttribute("aria-valuetext", text);
}

/**
 * @param {KeyboardEvent} event
 * @param {number} from
 * @param {number} count
 * @returns {number|null} where a key leads
 */
function productStep(event, from, count) {
  const targets = new Map([
    ["ArrowLeft", from - 1],
    ["ArrowDown", from - 1],
    ["ArrowRight", from + 1],
    ["ArrowUp", from + 1],
    ["Home", 0],
    ["End", count - 1],
  ]);
  const to = targets.get(event.key);
  if (to === undefined || count === 0 || event.altKey || event.ctrlKey || event.metaKey) return null;
  event.preventDefault();
  event.stopPropagation();
  return Math.min(count - 1, Math.max(0, to));
}
