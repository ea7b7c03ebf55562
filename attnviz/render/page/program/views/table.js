// The table: what every head reads, sorted and filtered, each row with the evidence for its pattern.

import { measurer } from "../core/brush.js";
import { element, setAttribute } from "../core/dom.js";
import { toMap } from "../shell/moves.js";
import { actionButton } from "../shell/parts.js";
import { tableEvidence, tableRow } from "./table-cells.js";
import { TableControls } from "./table-controls.js";
import { tableCsv } from "./table-csv.js";
import { tableColumns } from "./table-columns.js";
import { tableCoverage, tableThings } from "./table-facts.js";
import { tableDrawing } from "./table-picture.js";
import { filterTable, nextTableSort, readTableSort, sortTable } from "./table-rows.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("./table-cells.js").TableParts} TableParts
 * @typedef {import("./table-columns.js").TableColumn} TableColumn
 */

// So many rows are made at once; the next ones when a reader comes near the last.
const TABLE_CHUNK = 80;

// Of a text's words that heads link so many are named.
const TABLE_NAMED = 24;

/** @type {import("../core/types.js").View} */
export const tableView = {
  name: "table",
  title: "Table",
  everyHead: true,
  unweighed: true,
  hint: "What each head reads. Choose a title to sort, a pattern for what speaks for it, a link to see it in the heatmap.",
  keys: [{ key: "↑ ↓", what: "in the table: the same control of the row above or below" }],
  offered: (page) => page.maps.some(({ facts }) => facts.focus.length > 0),
  mount(host, context) {
    const table = new FocusTable(host, context);
    return {
      update: (state, changed) => table.update(state, changed),
      drawing: () => table.drawing(),
      close: () => table.close(),
    };
  },
};

/** The table of one map's heads. */
class FocusTable {
  /**
   * @param {HTMLElement} host
   * @param {Context} context
   */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    /** @type {AttentionMap|null} the map whose heads are shown */
    this.map = null;
    /** @type {TableColumn[]} */
    this.columns = [];
    /** @type {HeadFacts[]} those that pass the filter, in their order */
    this.heads = [];
    /** @type {Set<string>} heads whose evidence is open */
    this.opened = new Set();
    this.drawn = 0;
    this.body = element("tbody");
    this.titles = element("tr");
    this.more = element("p", { class: "table-rest" });
    this.end = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.extend());
    this.printing = () => this.extend(Infinity);
    addEventListener("beforeprint", this.printing);
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("keydown", (event) => this.moved(event));
    this.end.observe(this.more);
  }

  close() {
    removeEventListener("beforeprint", this.printing);
    this.end.disconnect();
    this.host.replaceChildren();
  }

  /**
   * @param {State} state
   * @param {Set<keyof State>} changed
   */
  update(state, changed) {
    const map = this.context.page.map(state.map);
    if (map !== this.map) this.show(map, state);
    else if (changed.has("sort") || changed.has("filter")) this.fill(state);
    if (map.facts.focus.length === 0) return;
    this.controls?.update(state, this.heads.length);
    if (!changed.has("head")) return;
    this.mark(state.head);
    // In the model's order the head picked is sought; in another one what counts is what comes first.
    if (state.sort === "head" || !changed.has("sort")) this.reveal(state.head);
  }

  /**
   * @param {AttentionMap} map
   * @param {State} state
   */
  show(map, state) {
    this.map = map;
    this.opened.clear();
    this.columns = tableColumns(map, this.context.page.facts);
    if (map.facts.focus.length === 0) {
      this.host.replaceChildren(this.nothing(map));
      return;
    }
    this.controls = new TableControls(map.facts.focus, this.context, () => tableCsv(this.heads));
    this.titles.replaceChildren(...this.columns.map((column) => this.title(column)));
    const name = `What each head reads: ${map.facts.title}`;
    const caption = element("caption", { class: "visually-hidden" }, name);
    const table = element(
      "table",
      { class: "table-heads" },
      caption,
      element("thead", {}, this.titles),
      this.body,
    );
    const box = element(
      "div",
      { class: "table-box", role: "region", tabindex: 0, "aria-label": name },
      table,
      this.more,
    );
    this.controls.tell(this.together(map), this.about(map));
    this.host.replaceChildren(this.controls.node, box);
    this.fill(state);
  }

  /**
   * Say that there is nothing to say of a view such as rollout, and where there is.
   * @param {AttentionMap} map
   * @returns {HTMLElement}
   */
  nothing(map) {
    const said = element("p", {}, `What heads read is said of weights; this is ${map.facts.title}.`);
    const told = this.context.page.maps.filter(({ facts }) => facts.focus.length > 0);
    const own = told.find(({ facts }) => facts.block === map.facts.block) ?? told[0];
    if (!own) return element("div", { class: "table-nothing" }, said);
    const { page, store } = this.context;
    const go = actionButton(`Show ${own.facts.title}`, () =>
      store.set(toMap(page, store.state, own.facts.id)),
    );
    return element("div", { class: "table-nothing" }, said, go);
  }

  /**
   * @param {TableColumn} column
   * @returns {HTMLElement}
   */
  title(column) {
    const sign = element("span", { class: "table-order", "aria-hidden": "true" });
    const unit = column.unit ? [" ", element("span", { class: "table-unit" }, column.unit)] : [];
    // Beside a number the sign stands before the title, so that title and numbers end in one line.
    const named = column.numeric ? [sign, column.title] : [column.title, sign];
    const sort = element("button", { type: "button", title: column.about }, ...named, ...unit);
    sort.addEventListener("click", () => {
      const { store } = this.context;
      store.set({ sort: nextTableSort(store.state.sort, column) });
    });
    const look = `table-${column.name}${column.numeric ? " table-number" : ""}`;
    return element("th", { scope: "col", class: look }, sort);
  }

  /**
   * Say what all heads link.
   * @param {AttentionMap} map
   * @returns {string}
   */
  together(map) {
    const { covered } = map.facts;
    if (!covered) return "";
    const all = map.keys.tokens.filter(({ kind }) => kind !== "special").length;
    const rest = covered.length > TABLE_NAMED ? `, and ${covered.length - TABLE_NAMED} more` : "";
    const named =
      covered.length === all || covered.length === 0
        ? ""
        : `: ${covered.slice(0, TABLE_NAMED).join(", ")}${rest}`;
    return `together they link ${tableCoverage(map)}${named}`;
  }

  /**
   * @param {AttentionMap} map
   * @returns {HTMLElement} how to read the columns
   */
  about(map) {
    const about = this.columns.flatMap(({ title, about }) => [
      element("dt", {}, title),
      element("dd", {}, about),
    ]);
    const means = `Means over the ${tableThings(map)} of the text itself; nothing is renormalised, nothing merged.`;
    return element(
      "details",
      { class: "table-about" },
      element("summary", {}, "How to read it"),
      element("dl", {}, ...about),
      element("p", {}, means),
    );
  }

  /** @param {State} state */
  fill(state) {
    const { focus } = /** @type {AttentionMap} */ (this.map).facts;
    const chosen = filterTable(focus, this.columns, state.filter);
    this.heads = sortTable(chosen, this.columns, state.sort);
    this.drawn = 0;
    this.body.replaceChildren();
    this.order(state.sort);
    this.extend();
  }

  /** @param {string} sort */
  order(sort) {
    const { name, falling } = readTableSort(sort);
    this.columns.forEach((column, place) => {
      const title = this.titles.children[place];
      const here = column.name === name;
      setAttribute(title, "aria-sort", here ? (falling ? "descending" : "ascending") : null);
      const sign = title.querySelector(".table-order");
      if (sign) sign.textContent = here ? (falling ? "▼" : "▲") : "";
    });
  }

  /**
   * Make further rows.
   * @param {number} [count]
   */
  extend(count = TABLE_CHUNK) {
    const parts = this.parts();
    const next = this.heads.slice(this.drawn, this.drawn + count);
    this.drawn += next.length;
    for (const head of next) {
      this.body.append(tableRow(head, parts));
      if (this.opened.has(head.head)) this.open(head);
    }
    this.rest();
    this.mark(this.context.store.state.head);
  }

  rest() {
    const left = this.heads.length - this.drawn;
    if (this.heads.length === 0) this.more.replaceChildren("No head has all of this.");
    else if (left === 0) this.more.replaceChildren();
    else this.more.replaceChildren(actionButton(`Show ${left} more`, () => this.extend(Infinity)));
  }

  /** @returns {TableParts} */
  parts() {
    const map = /** @type {AttentionMap} */ (this.map);
    const most = Math.max(...map.facts.focus.map(({ focus }) => focus[0]?.mass ?? 0), Number.MIN_VALUE);
    return { map, columns: this.columns, most };
  }

  /**
   * Mark the row of the head that is picked.
   * @param {string} name
   */
  mark(name) {
    for (const row of this.body.querySelectorAll("tr.table-row")) {
      const picked = /** @type {HTMLElement} */ (row).dataset.head === name;
      row.classList.toggle("table-picked", picked);
      const pick = row.querySelector(".table-pick");
      if (pick) setAttribute(pick, "aria-current", picked ? "true" : null);
    }
  }

  /**
   * Bring a head's row into sight.
   * @param {string} name
   */
  reveal(name) {
    const place = this.heads.findIndex(({ head }) => head === name);
    if (place >= this.drawn) this.extend(place - this.drawn + TABLE_CHUNK);
    if (place > 0) this.row(name)?.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {string} name
   * @returns {Element|undefined}
   */
  row(name) {
    const rows = [...this.body.querySelectorAll("tr.table-row")];
    return rows.find((row) => /** @type {HTMLElement} */ (row).dataset.head === name);
  }

  /** @param {Event} event */
  clicked(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const name = button?.closest("tr")?.dataset.head;
    const head = this.heads.find((one) => one.head === name);
    if (!button || !head) return;
    if (button.classList.contains("table-pick")) this.pick(head.head);
    else if (button.classList.contains("table-open")) this.toggle(head);
    else this.follow(head.head, button.dataset);
  }

  /**
   * Go to the same control of the row above or below.
   * @param {KeyboardEvent} event
   */
  moved(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = button?.closest("tr.table-row");
    if (!button || !row || !step) return;
    const rows = [...this.body.querySelectorAll("tr.table-row")];
    const kind = `.${button.classList[0]}`;
    const ahead = step > 0 ? rows.slice(rows.indexOf(row) + 1) : rows.slice(0, rows.indexOf(row)).reverse();
    const next = ahead.map((one) => one.querySelector(kind)).find(Boolean);
    if (!next) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (next).focus();
  }

  /** @param {string} head */
  pick(head) {
    this.context.store.set({ head });
    this.context.say(`${head} picked`);
  }

  /**
   * @param {string} head
   * @param {DOMStringMap} link
   */
  follow(head, { query, key, queryToken, keyToken }) {
    const place = (/** @type {string|undefined} */ position) =>
      position === undefined ? null : Number(position);
    const tokens = { queryToken: place(queryToken), keyToken: place(keyToken) };
    this.context.store.set({
      view: "heatmap",
      head,
      query: place(query),
      key: place(key),
      ...tokens,
      zoom: null,
    });
  }

  /** @param {HeadFacts} head */
  toggle(head) {
    if (this.opened.delete(head.head)) this.row(head.head)?.nextElementSibling?.remove();
    else {
      this.opened.add(head.head);
      this.open(head);
      return;
    }
    this.expand(head.head, false);
  }

  /** @param {HeadFacts} head */
  open(head) {
    this.row(head.head)?.after(tableEvidence(head, this.parts()));
    this.expand(head.head, true);
  }

  /**
   * @param {string} name
   * @param {boolean} open
   */
  expand(name, open) {
    this.row(name)?.querySelector(".table-open")?.setAttribute("aria-expanded", String(open));
  }

  /** @returns {import("../core/types.js").Drawing|null} */
  drawing() {
    const { map, columns, heads } = this;
    if (!map || map.facts.focus.length === 0) return null;
    const { store, palette } = this.context;
    const shown = { map, columns, heads, picked: store.state.head };
    return tableDrawing(shown, palette(), measurer());
  }
}
