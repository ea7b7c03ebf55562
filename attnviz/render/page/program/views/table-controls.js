// What stands above the table: the filter, the patterns found, and the way to take the rows along.

import { element } from "../core/dom.js";
import { copyText, fileStem, saveFile } from "../shell/files.js";
import { actionButton, named } from "../shell/parts.js";
import { readTableFilter, tablePatterns, writeTableFilter } from "./table-rows.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 */

/** The controls of one map's table. */
export class TableControls {
  /**
   * @param {HeadFacts[]} heads
   * @param {Context} context
   * @param {() => string} csv the rows shown
   */
  constructor(heads, context, csv) {
    this.all = heads.length;
    this.context = context;
    this.csv = csv;
    this.text = element("input", {
      class: "input",
      type: "search",
      id: "table-filter",
      spellcheck: "false",
      autocomplete: "off",
    });
    this.pattern = element("select", { class: "select", id: "table-patterns" }, ...patternOptions(heads));
    this.count = element("span", { class: "table-count", role: "status" });
    this.together = element("p", { class: "table-together note" }, this.count);
    this.text.addEventListener("input", () => this.filter());
    this.pattern.addEventListener("change", () => this.filter());
    this.node = element(
      "div",
      { class: "table-controls" },
      named("Filter", this.text),
      named("Pattern", this.pattern),
      this.together,
      actionButton("Copy rows", () => void this.copy(), { hint: "Copy the rows shown, as CSV" }),
      actionButton("Save rows", () => this.save(), { hint: "Save the rows shown as a CSV file" }),
    );
  }

  /**
   * @param {string} together what all heads do; empty where that is not known
   * @param {HTMLElement} about how to read the table
   */
  tell(together, about) {
    if (together) this.together.append(element("span", {}, `· ${together}`));
    this.together.after(about);
  }

  /**
   * @param {State} state
   * @param {number} shown how many rows pass
   */
  update(state, shown) {
    const { text, pattern } = readTableFilter(state.filter);
    if (this.text.value.trim() !== text.trim()) this.text.value = text;
    // A pattern that no head has still filters: it must be seen, and can be taken away.
    const known = [...this.pattern.options].some(({ value }) => value === pattern);
    if (!known) this.pattern.append(element("option", { value: pattern }, `${pattern} (0)`));
    this.pattern.value = pattern;
    const heads = this.all === 1 ? "head" : "heads";
    const counted = shown === this.all ? `${shown} ${heads}` : `${shown} of ${this.all} ${heads}`;
    if (this.count.textContent !== counted) this.count.textContent = counted;
  }

  filter() {
    const filter = writeTableFilter({ pattern: this.pattern.value, text: this.text.value });
    this.context.store.set({ filter });
  }

  async copy() {
    if (await copyText(this.csv(), this.fileName())) this.context.say("Copied: the rows shown, as CSV.");
  }

  save() {
    saveFile(new Blob([this.csv()], { type: "text/csv" }), this.fileName());
    this.context.say(`Saved: ${this.fileName()}`);
  }

  /** @returns {string} */
  fileName() {
    return `${fileStem(this.context.page.facts.title)}-focus.csv`;
  }
}

/**
 * @param {HeadFacts[]} heads
 * @returns {HTMLElement[]}
 */
function patternOptions(heads) {
  const counted = tablePatterns(heads).map(([label, count]) =>
    element("option", { value: label }, `${label} (${count})`),
  );
  return [element("option", { value: "" }, "any"), ...counted];
}
