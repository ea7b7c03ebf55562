// The sentence as running text: press a word, and see whom it reads and who reads it.

import { element } from "../core/dom.js";
import { exactText, weightText } from "../core/words.js";
import { onOff } from "../shell/parts.js";
import { massHeads, massOpened } from "./mass.js";
import { massControls, massLegend } from "./masscontrols.js";
import { textDrawing } from "./textdrawing.js";
import { textLead, textLists } from "./textlists.js";
import { textIsOne, textPick, textReading, textShares, textTint, textTurned } from "./textreading.js";
import { textMark, textPaint, textSide } from "./textwords.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("../core/types.js").Mounted} Mounted
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./textreading.js").TextReading} TextReading
 * @typedef {import("./textwords.js").TextSide} TextSide
 */

// What of the state changes which words there are; all else changes how they look.
const TEXT_WRITTEN = /** @type {(keyof State)[]} */ (["map", "words", "special", "step"]);

/**
 * The view on screen.
 * @implements {Mounted}
 */
export class TextMounted {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    /** @type {TextSide[]} the queries and the keys, or one for both */
    this.sides = [];
    /** @type {"reads"|"readers"} what a press on a word asks while none is picked */
    this.wanted = "reads";
    /** @type {TextReading|null} */
    this.reading = null;
    this.written = "";
    this.acts = {
      pick: (/** @type {Partial<State>} */ fields) => context.store.set(fields),
      point: (/** @type {Label|null} */ label) => this.pointLabel(label),
    };
    this.controls = this.makeControls();
    this.lead = element("p", { class: "text-lead" });
    this.texts = element("div", { class: "text-texts" });
    this.lists = element("div", { class: "text-lists" });
    this.legend = element("p", { class: "text-legend note" });
    const main = element("div", { class: "text-main" }, this.lead, this.texts, this.legend);
    const body = element("div", { class: "text-body" }, main, this.lists);
    this.root = element("div", { class: "text-view" }, this.controls.node, body);
    this.texts.addEventListener("click", (event) => this.pressed(event));
    this.texts.addEventListener("pointerover", (event) => this.pointed(event));
    this.texts.addEventListener("focusin", (event) => this.pointed(event));
    host.append(this.root);
    this.update(context.store.state, new Set(["map"]));
  }

  get map() {
    return this.context.page.map(this.context.store.state.map);
  }

  makeControls() {
    const turnNumbers = (/** @type {boolean} */ on) => this.root.classList.toggle("text-numbered", on);
    const numbers = onOff("Numbers", turnNumbers, "Write weights into the text");
    return massControls(
      { turn: (way) => this.turn(way), bring: (together) => this.context.store.set({ together }) },
      numbers.node,
    );
  }

  /** @param {"reads"|"readers"} way */
  turn(way) {
    const { store } = this.context;
    this.wanted = way;
    const fields = textTurned(store.state, textIsOne(this.map), way);
    if (Object.keys(fields).length > 0) store.set(fields);
    else this.show();
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} _changed
   */
  update(state, _changed) {
    const { map } = this;
    const opening = massOpened(map, massHeads(map, state));
    if (opening) {
      this.lead.textContent = "Opening the weights of these heads…";
      void opening.then(() => this.root.isConnected && this.update(this.context.store.state, new Set()));
      return;
    }
    const written = TEXT_WRITTEN.map((name) => String(state[name])).join(" ");
    this.reading = textReading(map, state);
    if (written !== this.written) this.write(map, this.reading);
    this.written = written;
    this.show();
  }

  /**
   * Write the words anew.
   * @param {AttentionMap} map
   * @param {TextReading} reading
   */
  write(map, { rows, columns }) {
    const source = this.context.page.facts.text;
    const one = textIsOne(map);
    const side = (/** @type {"queries"|"keys"} */ name) =>
      textSide(map[name], name === "queries" ? rows : columns, source, one ? "Text" : name);
    this.sides = one ? [side("queries")] : [side("queries"), side("keys")];
    const titles = one ? [] : ["Queries: they read", "Keys: they are read"];
    const titled = this.sides.map(({ node }, place) => {
      if (!titles[place]) return node;
      const title = element("h2", { class: "text-heading" }, titles[place]);
      return element("section", { class: "text-titled" }, title, node);
    });
    this.texts.replaceChildren(...titled);
    this.texts.classList.toggle("text-two", !one);
  }

  /** Show how words look now. */
  show() {
    const { state } = this.context.store;
    const { map, reading } = this;
    if (!reading) return;
    if (reading.way !== "received") this.wanted = reading.way;
    const shares = textShares(reading, state);
    const tinted = reading.way === "readers" ? 0 : this.sides.length - 1;
    const palette = this.context.palette();
    this.sides.forEach((side, place) => {
      const own = place === tinted;
      textPaint(side, palette, own ? shares : null, own ? reading.mass.values : null);
      const picked = textIsOne(map) || place !== tinted ? reading.picked : -1;
      const labels = place === 0 ? reading.rows : reading.columns;
      textMark(side, labels, { picked, partner: own ? reading.partner : -1, search: state.search });
    });
    this.controls.update(this.wanted, state.together, map.names.length);
    this.lead.textContent = textLead(reading, state).join(" ");
    this.lists.replaceChildren(...textLists(map, reading, this.acts));
    this.showLegend(reading);
  }

  /** @param {TextReading} reading */
  showLegend({ top, rows, columns }) {
    const generated = [...rows, ...columns].some(({ kind }) => kind === "generated");
    const said = generated
      ? [element("span", { class: "text-said" }, "underlined: what the model said")]
      : [];
    const palette = this.context.palette();
    this.legend.replaceChildren(...massLegend((share) => textTint(palette, share), palette, top), ...said);
  }

  /**
   * @param {Event} event
   * @returns {{side: number, place: number} | null} the word an event is about
   */
  wordOf(event) {
    const node = event.target instanceof Element ? event.target.closest(".text-word") : null;
    if (!(node instanceof HTMLElement)) return null;
    const side = this.sides.findIndex(({ words }) => words.includes(node));
    return side < 0 ? null : { side, place: Number(node.dataset.place) };
  }

  /** @param {Event} event */
  pressed(event) {
    const found = this.wordOf(event);
    if (!found || !this.reading) return;
    const { store } = this.context;
    const way = this.sides.length === 1 ? this.wanted : found.side === 0 ? "reads" : "readers";
    const labels = found.side === 0 ? this.reading.rows : this.reading.columns;
    const { words } = this.sides[found.side];
    for (const word of words) word.tabIndex = -1;
    words[found.place].tabIndex = 0;
    store.set(textPick(store.state, way, labels[found.place].position));
    this.context.say(textLead(this.reading, store.state).join(" "));
  }

  /** @param {Event} event */
  pointed(event) {
    const found = this.wordOf(event);
    if (found) this.context.say(this.told(found.side, found.place));
  }

  /**
   * Mark a word that is pointed at in a list.
   * @param {Label|null} label
   */
  pointLabel(label) {
    const { reading } = this;
    if (!reading) return;
    const one = textIsOne(this.map);
    this.sides.forEach(({ words }, side) => {
      const labels = side === 0 ? reading.rows : reading.columns;
      words.forEach((word, place) => {
        const same = one ? labels[place].position === label?.position : labels[place] === label;
        word.classList.toggle("text-pointed", same);
      });
    });
  }

  /**
   * Say what is known of a word: its weight, if it is on the side that has weights.
   * @param {number} side
   * @param {number} place
   * @returns {string}
   */
  told(side, place) {
    const { reading } = this;
    if (!reading) return "";
    const { way, rows, columns, mass, picked } = reading;
    const word = (side === 0 ? rows : columns)[place].text;
    const tinted = way === "readers" ? 0 : this.sides.length - 1;
    if (side !== tinted) return `${word}: press it to see its weights`;
    const weight = exactText(mass.values[place]);
    const spread =
      mass.heads > 1
        ? ` (${weightText(mass.least[place])}–${weightText(mass.most[place])} across ${mass.heads} heads)`
        : "";
    if (way === "received") return `${word} receives ${weight}${spread} of all weights`;
    return way === "reads"
      ? `${rows[picked].text} → ${word}: ${weight}${spread}`
      : `${word} → ${columns[picked].text}: ${weight}${spread}`;
  }

  /** @returns {Drawing|null} */
  drawing() {
    if (!this.reading) return null;
    const { state } = this.context.store;
    return textDrawing(this.map, this.reading, state, this.context.palette(), this.context.page.facts.text);
  }

  close() {
    this.root.remove();
  }
}
