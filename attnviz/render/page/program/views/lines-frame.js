// Both sides of the lines on the page, the canvas between them, and how far down they are.

import { canvasBrush, measurer } from "../core/brush.js";
import { element, fitted } from "../core/dom.js";
import { labelText } from "../parts/axis.js";
import { linesOffset, linesPitch, linesScrollTo } from "./lines-layout.js";
import { LinesList } from "./lines-list.js";

/**
 * @typedef {import("../core/types.js").Label} Label
 * @typedef {import("./lines-layout.js").LinesSide} LinesSide
 * @typedef {import("./lines-layout.js").LinesLayout} LinesLayout
 */

const LINES_TEXT = 13;

// What a token needs beside its text: its number, and room around both.
const LINES_BESIDE = { one: 62, several: 90 };
const LINES_WIDEST = 0.36;
const LINES_NARROWEST = 84;
const LINES_LOWEST = 120;

/** @type {LinesSide[]} */
const LINES_SIDES = ["query", "key"];

/** Where everything stands. */
export class LinesFrame {
  /** @param {import("./lines-list.js").LinesActs} acts */
  constructor(acts) {
    this.lists = { query: new LinesList("query", acts), key: new LinesList("key", acts) };
    this.canvas = element("canvas", { class: "lines-canvas", "aria-hidden": "true" });
    const stage = element("div", { class: "lines-stage" }, this.canvas);
    this.tall = element("div", { class: "lines-tall" }, this.lists.query.node, stage, this.lists.key.node);
    this.scroll = element("div", { class: "lines-scroll" }, this.tall);
    const names = ["from (query)", "to (key)"].map((name) => element("span", {}, name));
    this.sides = element("div", { class: "lines-sides", "aria-hidden": "true" }, ...names);
    this.measure = measurer();
    /** Whether tokens have room for a finger in any case. */
    this.isRoomy = false;
    /** @type {LinesLayout} */
    this.layout = { pitch: 24, view: 240, rows: 0, columns: 0, left: 0, right: 100, scroll: 0 };
  }

  /**
   * Find the room there is, and how tokens share it.
   * @param {Label[]} rows
   * @param {Label[]} columns
   * @param {boolean} several whether several heads are drawn
   */
  fit(rows, columns, several) {
    const width = this.scroll.clientWidth;
    const view = Math.max(LINES_LOWEST, this.scroll.clientHeight);
    const finger = this.isRoomy || matchMedia("(pointer: coarse)").matches;
    const longest = Math.max(rows.length, columns.length);
    const pitch = linesPitch(view, longest, finger);
    const [left, right] = [rows, columns].map((labels) => this.roomOf(labels, width, several));
    this.layout = {
      pitch,
      view,
      rows: rows.length,
      columns: columns.length,
      left: 0,
      right: Math.max(40, width - left - right),
      scroll: this.scroll.scrollTop,
    };
    this.tall.style.gridTemplateColumns = `${left}px minmax(0, 1fr) ${right}px`;
    this.tall.style.height = `${longest * pitch}px`;
    this.tall.style.setProperty("--lines-pitch", `${pitch}px`);
    this.tall.classList.toggle("lines-several", several);
    this.sides.style.gridTemplateColumns = `${left}px ${right}px`;
    this.sides.style.width = `${width}px`;
  }

  /**
   * @param {Label[]} labels
   * @param {number} width
   * @param {boolean} several
   * @returns {number}
   */
  roomOf(labels, width, several) {
    const beside = several ? LINES_BESIDE.several : LINES_BESIDE.one;
    const widest = Math.max(0, ...labels.map((label) => this.measure(labelText(label), LINES_TEXT, true)));
    return Math.round(Math.min(width * LINES_WIDEST, Math.max(LINES_NARROWEST, widest + beside)));
  }

  /**
   * Bring both sides to where they are by now.
   * @returns {import("../core/types.js").Brush} for what is in sight
   */
  open() {
    this.layout.scroll = this.scroll.scrollTop;
    for (const side of LINES_SIDES) {
      const down = this.layout.scroll - linesOffset(this.layout, side);
      this.lists[side].node.style.transform = down ? `translateY(${down}px)` : "";
    }
    return canvasBrush(fitted(this.canvas, this.layout.right, this.layout.view));
  }

  /**
   * Bring a token into sight.
   * @param {LinesSide} side
   * @param {number} place
   * @param {boolean} middle whether it is to stand in the middle, if it is out of sight
   */
  reveal(side, place, middle) {
    this.layout.scroll = this.scroll.scrollTop;
    const wanted = linesScrollTo(this.layout, side, place, middle);
    if (wanted !== this.layout.scroll) this.scroll.scrollTop = wanted;
  }
}
