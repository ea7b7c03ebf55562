// The elements of the table's rows.

import { element, setAttribute } from "../core/dom.js";
import { weightText } from "../core/words.js";
import {
  tableEnds,
  tableFixed,
  tableNearest,
  tableShare,
  tableWord,
  TABLE_BROAD,
  TABLE_NO_PATTERN,
} from "./table-facts.js";

/**
 * @typedef {import("../core/types.js").HeadFacts} HeadFacts
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("./table-columns.js").TableColumn} TableColumn
 * @typedef {import("./table-facts.js").LinkFacts} LinkFacts
 */

/**
 * What rows are made of.
 * @typedef {object} TableParts
 * @property {AttentionMap} map
 * @property {TableColumn[]} columns
 * @property {number} most the mass with the longest bar
 */

/**
 * Make a head's row.
 * @param {HeadFacts} head
 * @param {TableParts} parts
 * @returns {HTMLTableRowElement}
 */
export function tableRow(head, parts) {
  const cells = parts.columns.map((column) => tableCell(head, column, parts));
  const row = element("tr", { class: "table-row" }, ...cells);
  row.dataset.head = head.head;
  return row;
}

/**
 * @param {HeadFacts} head
 * @param {TableColumn} column
 * @param {TableParts} parts
 * @returns {HTMLTableCellElement}
 */
function tableCell(head, column, parts) {
  const { name, numeric } = column;
  if (name === "head") return tableHeadCell(head);
  const look = `table-${name}${numeric ? " table-number" : ""}`;
  if (name === "focus") return element("td", { class: look }, ...tableWords(head, parts));
  if (name === "link")
    return element(
      "td",
      { class: look },
      ...head.links.slice(0, 1).map((link) => tableLinkButton(link, parts.map)),
    );
  if (name === "pattern") return element("td", { class: look }, ...tablePattern(head));
  return element(
    "td",
    { class: isTableUnclear(head, name) ? `${look} table-muted` : look },
    column.text(head),
  );
}

/**
 * @param {HeadFacts} head
 * @returns {HTMLTableCellElement}
 */
function tableHeadCell(head) {
  const pick = element(
    "button",
    { type: "button", class: "table-pick", title: `Pick ${head.head}` },
    head.head,
  );
  return element("th", { scope: "row", class: "table-head" }, pick);
}

/**
 * Whether a number is that of a pattern which only came near.
 * @param {HeadFacts} head
 * @param {string} name
 * @returns {boolean}
 */
function isTableUnclear(head, name) {
  return (name === "score" || name === "chance") && head.pattern.label === TABLE_NO_PATTERN;
}

/**
 * @param {HeadFacts} head
 * @param {TableParts} parts
 * @returns {HTMLElement[]}
 */
function tableWords(head, { map, most }) {
  if (head.focus.length === 0) return [element("span", { class: "table-muted" }, "no word in particular")];
  return head.focus.map(({ token, position, mass, at }) => {
    const word = tableWord(token, map.keys.tokens[position]);
    const bar = element("span", { class: "table-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", String(Math.max(0, Math.min(1, mass / most))));
    const amount = element("span", { class: "table-amount" }, tableFixed(mass, 1));
    return element(
      "span",
      { class: "table-word", title: `${word}, at place ${at ?? position}` },
      element("bdi", {}, word),
      " ",
      amount,
      bar,
    );
  });
}

/**
 * Make a link that can be followed.
 * @param {LinkFacts} link
 * @param {AttentionMap} map
 * @returns {HTMLElement}
 */
function tableLinkButton(link, map) {
  const { from, to } = tableEnds(map, link);
  const ends =
    from === null
      ? ["at ", element("bdi", {}, to)]
      : [element("bdi", {}, from), " → ", element("bdi", {}, to)];
  const weight = element("span", { class: "table-amount" }, weightText(link.weight));
  const title = from === null ? `Show ${to}` : `Show ${from} → ${to}`;
  const named = element("span", { class: "table-ends" }, ...ends);
  const button = element("button", { type: "button", class: "table-follow", title }, named, " ", weight);
  if (from !== null) button.dataset.query = String(link.from_position);
  button.dataset.key = String(link.to_position);
  if (link.from_token !== undefined) button.dataset.queryToken = String(link.from_token);
  if (link.to_token !== undefined) button.dataset.keyToken = String(link.to_token);
  return button;
}

/**
 * @param {HeadFacts} head
 * @returns {HTMLElement[]}
 */
function tablePattern(head) {
  const { label } = head.pattern;
  const sign = element("span", { class: "table-sign", "aria-hidden": "true" });
  const said = `${label}: evidence of ${head.head}`;
  const open = element(
    "button",
    { type: "button", class: "table-open", "aria-expanded": "false", "aria-label": said },
    sign,
    label,
  );
  setAttribute(open, "aria-controls", tableEvidenceId(head.head));
  const nearest = tableNearest(head);
  if (label !== TABLE_NO_PATTERN || nearest === null) return [open];
  return [open, element("span", { class: "table-nearest table-muted" }, `nearest: ${nearest}`)];
}

/**
 * @param {string} name
 * @returns {string}
 */
function tableEvidenceId(name) {
  return `table-evidence-${name}`;
}

/**
 * Make the row that says what speaks for a head's pattern.
 * @param {HeadFacts} head
 * @param {TableParts} parts
 * @returns {HTMLTableRowElement}
 */
export function tableEvidence(head, parts) {
  const found = head.pattern.evidence;
  const lists = [
    found.length > 0
      ? tableEvidenceList(`speaks for “${head.pattern.label}”`, found, parts)
      : tableNoEvidence(head),
    ...(head.links.length > 0 ? [tableEvidenceList("strongest links", head.links, parts)] : []),
    ...(head.taught ? [tableEvidenceNote("taught", head.taught)] : []),
  ];
  const inside = element("div", { class: "table-inside" }, ...lists);
  const whole = element("td", { colspan: parts.columns.length }, inside);
  const row = element("tr", { class: "table-evidence", id: tableEvidenceId(head.head) }, whole);
  row.dataset.head = head.head;
  return row;
}

/**
 * @param {string} title
 * @param {LinkFacts[]} links
 * @param {TableParts} parts
 * @returns {HTMLElement}
 */
function tableEvidenceList(title, links, { map }) {
  const items = links.map((link) => element("li", {}, tableLinkButton(link, map)));
  return element("div", {}, element("p", { class: "table-lead" }, title), element("ul", {}, ...items));
}

/**
 * @param {HeadFacts} head
 * @returns {HTMLElement}
 */
function tableNoEvidence(head) {
  const { label, score } = head.pattern;
  if (label === TABLE_BROAD)
    return tableEvidenceNote(label, `reads ${tableShare(score)} of what it can see, as if alike`);
  const nearest = tableNearest(head);
  const why = nearest === null ? "none came near" : `“${nearest}” came nearest, but not clearly`;
  return tableEvidenceNote(label, why);
}

/**
 * @param {string} title
 * @param {string} said
 * @returns {HTMLElement}
 */
function tableEvidenceNote(title, said) {
  return element(
    "div",
    {},
    element("p", { class: "table-lead" }, title),
    element("p", { class: "table-said" }, said),
  );
}
