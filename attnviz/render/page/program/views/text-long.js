// A long text, as much of it as is around what is picked: press a word, and see whom it reads most and who reads it.

import { shareOf } from "../core/colors.js";
import { element } from "../core/dom.js";
import { countText, linkText, runText } from "../core/words.js";
import { mostText, tokenName } from "../parts/cells.js";
import { pickToken } from "../parts/span.js";
import { actionButton } from "../shell/parts.js";
import { massLegend } from "./masscontrols.js";
import { longLists } from "./text-long-lists.js";
import { longReading } from "./text-long-reading.js";
import { textIsOne, textTint } from "./textreading.js";
import { textMark, textPaint, textSide } from "./textwords.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").Drawing} Drawing
 * @typedef {import("../core/types.js").Mounted} Mounted
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("./text-long-reading.js").LongReading} LongReading
 * @typedef {import("./text-long-reading.js").LongSide} LongSide
 * @typedef {import("./textwords.js").TextSide} TextSide
 */

/**
 * The view on screen.
 * @implements {Mounted}
 */
export class TextOfLong {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.context = context;
    /** @type {(TextSide & {shown: LongSide})[]} the queries and the keys, or one for both */
    this.sides = [];
    /** @type {LongReading|null} */
    this.reading = null;
    this.written = "";
    const before = actionButton("‹ Earlier", () => this.step(-1));
    const after = actionButton("Later ›", () => this.step(1));
    this.where = element("span", { class: "lines-where" });
    this.ways = this.makeWays();
    this.lead = element("p", { class: "text-lead text-steady" });
    this.texts = element("div", { class: "text-texts" });
    this.lists = element("div", { class: "text-lists" });
    this.legend = element("p", { class: "text-legend note" });
    const steps = element("div", { class: "lines-steps" }, before, after, this.where);
    const controls = element("div", { class: "text-controls" }, this.ways.node, steps);
    const main = element("div", { class: "text-main" }, this.lead, this.texts, this.legend);
    const body = element("div", { class: "text-body" }, main, this.lists);
    this.root = element("div", { class: "text-view" }, controls, body);
    this.texts.addEventListener("click", (event) => this.pressed(event));
    this.texts.addEventListener("pointerover", (event) => this.pointed(event));
    this.texts.addEventListener("focusin", (event) => this.pointed(event));
    host.append(this.root);
  }

  /** @returns {AttentionMap} */
  get map() {
    return this.context.page.map(this.context.store.state.map);
  }

  makeWays() {
    const ways = /** @type {["reads"|"readers", string][]} */ ([
      ["reads", "Whom it reads"],
      ["readers", "Who reads it"],
    ]);
    const buttons = ways.map(([way, title]) => {
      const button = element("button", { type: "button", class: "button", "aria-pressed": "false" }, title);
      button.addEventListener("click", () => this.turn(way));
      return button;
    });
    const node = element("div", { class: "text-ways", role: "group", "aria-label": "Direction" }, ...buttons);
    const update = (/** @type {"reads"|"readers"} */ way) =>
      buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(ways[place][0] === way)));
    return { node, update };
  }

  /**
   * Ask the other question of what is picked.
   * @param {"reads"|"readers"} way
   */
  turn(way) {
    const { store } = this.context;
    const { query, key, queryToken, keyToken } = store.state;
    if (!this.reading || this.reading.way === way) return;
    if (!textIsOne(this.map)) return store.set(way === "reads" ? { query: query ?? 0 } : { query: null });
    if (way === "reads") store.set({ query: key, queryToken: keyToken, key: null, keyToken: null });
    else store.set({ query: null, queryToken: null, key: query ?? this.middle(), keyToken: queryToken });
  }

  /** @returns {number} a row to begin with, where none is picked */
  middle() {
    return Math.floor(this.map.queries.tokens.length / 2);
  }

  /** @param {-1|1} by one row further */
  step(by) {
    const { store } = this.context;
    const side = this.reading?.way === "readers" ? "key" : "query";
    const last = (side === "query" ? this.map.queries : this.map.keys).tokens.length - 1;
    const row = Math.min(last, Math.max(0, (store.state[side] ?? this.middle()) + by));
    const none = { query: null, key: null, queryToken: null, keyToken: null };
    store.set({ ...none, [side]: row });
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} _changed
   */
  update(state, _changed) {
    const { map } = this;
    const links = map.links(state.head);
    if (!links) return;
    const kept = this.sides.map(({ shown }) => shown);
    this.reading = longReading(map, links, state, kept);
    const written = [state.map, ...this.reading.sides.map(({ span }) => span)].join(" ");
    if (written !== this.written) this.write(this.reading);
    this.written = written;
    this.show(this.reading, state);
  }

  /** @param {LongReading} reading */
  write({ sides }) {
    const source = this.context.page.facts.text;
    const held = this.texts.contains(document.activeElement);
    const names = sides.length === 1 ? ["Text"] : ["queries", "keys"];
    const titles = sides.length === 1 ? [] : ["Queries: they read", "Keys: they are read"];
    this.sides = sides.map((shown, place) => ({
      ...textSide({ tokens: shown.whole.tokens }, shown.labels, source, names[place]),
      shown,
    }));
    const nodes = this.sides.map(({ node, shown }, place) => {
      const { span, whole } = shown;
      const more = [span[0] > 0 ? "…" : "", span[1] < whole.tokens.length - 1 ? "…" : ""].map((text) =>
        element("span", { class: "note", "aria-hidden": "true" }, text),
      );
      const title = titles[place] ? [element("h2", { class: "text-heading" }, titles[place])] : [];
      return element("section", { class: "text-titled" }, ...title, more[0], node, more[1]);
    });
    this.texts.replaceChildren(...nodes);
    this.texts.classList.toggle("text-two", sides.length > 1);
    // Who went on by keys goes on from the word picked.
    if (held) this.sides[0].words[0]?.focus({ preventScroll: true });
  }

  /**
   * Show how words look now.
   * @param {LongReading} reading
   * @param {State} state
   */
  show(reading, state) {
    const palette = this.context.palette();
    const { map } = this;
    const tinted = reading.way === "readers" ? 0 : this.sides.length - 1;
    this.sides.forEach((side, place) => {
      const { labels, span } = side.shown;
      const values = place === tinted ? this.valuesOf(reading, labels) : null;
      const shares = values && Array.from(values, (value) => longShare(value, reading.top, state));
      textPaint(side, palette, shares, values);
      const picked = this.pickedIn(reading, place);
      textMark(side, labels, { picked: picked.token - span[0], partner: -1, search: state.search });
      side.words.forEach((word, at) => {
        const position = span[0] + at;
        word.classList.toggle("text-run", position >= picked.run[0] && position <= picked.run[1]);
      });
      this.rest(side, picked.token >= 0 ? picked.token - span[0] : picked.run[0] - span[0]);
    });
    this.ways.update(reading.way);
    this.where.textContent = this.whereText(reading);
    this.lead.textContent = this.leadText(reading, state);
    const { page, store } = this.context;
    this.lists.replaceChildren(...longLists(map, reading, page.facts.text, (fields) => store.set(fields)));
    this.legend.replaceChildren(
      ...massLegend((share) => textTint(palette, share), palette, reading.top),
      element("span", {}, `${mostText(reading.links)} of each query`),
    );
  }

  /**
   * Let the tab key stop at a word.
   * @param {TextSide} side
   * @param {number} place
   */
  rest({ words }, place) {
    for (const word of words) word.tabIndex = -1;
    const at = words[Math.min(words.length - 1, Math.max(0, place))];
    if (at) at.tabIndex = 0;
  }

  /**
   * @param {LongReading} reading
   * @param {import("../core/types.js").Label[]} labels
   * @returns {Float64Array}
   */
  valuesOf({ weights }, labels) {
    return Float64Array.from(labels, ({ position }) => weights.get(position) ?? 0);
  }

  /**
   * @param {LongReading} reading
   * @param {number} place of the side
   * @returns {{token: number, run: [number, number]}} what is picked on it; -1 for nothing
   */
  pickedIn({ way, span, token }, place) {
    const own = this.sides.length === 1 || (way === "readers" ? place === 1 : place === 0);
    return own && span ? { token: token ?? -1, run: span } : { token: -1, run: [-1, -1] };
  }

  /**
   * @param {LongReading} reading
   * @returns {string}
   */
  whereText({ sides }) {
    const [{ span, whole }] = sides;
    return `tokens ${runText(span)} of ${countText(whole.tokens.length)}`;
  }

  /**
   * @param {LongReading} reading
   * @param {State} state
   * @returns {string}
   */
  leadText({ way, span, token, links }, { head }) {
    const { queries, keys } = this.map;
    if (!span) return "Nothing is picked. Press a word, or pick a row of the heatmap.";
    const reads = way === "reads";
    const one = token === null ? null : tokenName(reads ? queries : keys, token);
    const who = one ?? `${reads ? "queries" : "keys"} ${runText(span)}`;
    const whole = `${head}, exact, of ${mostText(links)} of each query`;
    if (reads) return `The tint shows what ${who} read${one ? "s" : ""} of each word: ${whole}.`;
    return `The tint shows how much each word reads of ${who}: ${whole}.`;
  }

  /**
   * @param {Event} event
   * @returns {{side: number, position: number} | null} the word an event is about
   */
  wordOf(event) {
    const node = event.target instanceof Element ? event.target.closest(".text-word") : null;
    if (!(node instanceof HTMLElement)) return null;
    const side = this.sides.findIndex(({ words }) => words.includes(node));
    if (side < 0) return null;
    return { side, position: this.sides[side].shown.span[0] + Number(node.dataset.place) };
  }

  /** @param {Event} event */
  pressed(event) {
    const found = this.wordOf(event);
    if (!found || !this.reading) return;
    const { store, say } = this.context;
    const isKey = this.sides.length === 1 ? this.reading.way === "readers" : found.side === 1;
    const side = isKey ? "key" : "query";
    const again = store.state[`${side}Token`] === found.position && this.reading.token === found.position;
    const none = { query: null, key: null, queryToken: null, keyToken: null };
    store.set({ ...none, ...pickToken(this.map, side, again ? null : found.position) });
    say(this.lead.textContent ?? "");
  }

  /** @param {Event} event */
  pointed(event) {
    const found = this.wordOf(event);
    const { reading, map } = this;
    if (!found || !reading) return;
    const sequence = found.side === 0 ? map.queries : map.keys;
    const weight = reading.weights.get(found.position);
    const tinted = reading.way === "readers" ? 0 : this.sides.length - 1;
    const isKnown = found.side === tinted && weight !== undefined;
    const name = tokenName(sequence, found.position);
    this.context.say(isKnown ? `${name}: ${linkText(weight)}` : name);
  }

  /** @returns {Drawing|null} */
  drawing() {
    return null;
  }

  close() {
    this.root.remove();
  }
}

/**
 * @param {number} value
 * @param {number} top
 * @param {State} state
 * @returns {number}
 */
function longShare(value, top, { scale, threshold }) {
  return value < threshold ? 0 : shareOf(value, top, scale);
}
