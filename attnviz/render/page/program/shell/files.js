// Files and texts for the reader to keep, also where the page may not save or copy by itself.

import { element } from "../core/dom.js";
import { actionButton } from "./parts.js";

const MEASURES = { longest: 40, kept: 30_000 };

/**
 * Offer a file for download.
 * @param {Blob} content
 * @param {string} name
 */
export function saveFile(content, name) {
  const source = URL.createObjectURL(content);
  const link = element("a", { href: source, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // Some browsers begin to read only after the click has been dealt with.
  setTimeout(() => URL.revokeObjectURL(source), MEASURES.kept);
}

/**
 * Make a name of a file out of a title: its letters and digits, small, joined by hyphens.
 * @param {string} title
 * @returns {string}
 */
export function fileStem(title) {
  const words = title.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  let stem = "";
  for (const word of words) {
    if (stem && stem.length + word.length >= MEASURES.longest) break;
    stem = stem ? `${stem}-${word}` : word.slice(0, MEASURES.longest);
  }
  return stem || "attention";
}

/**
 * Copy a text; where that is not allowed, show it, selected, for the reader to copy.
 * @param {string} text
 * @param {string} name of the file it would be
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copyText(text, name) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not allowed here, or no such thing in this browser: either way the reader's own hand can do it.
    showText(text, name);
    return false;
  }
}

/**
 * @param {string} text
 * @param {string} name
 */
function showText(text, name) {
  const area = element("textarea", { class: "copied", readonly: true, rows: 8, "aria-label": name }, text);
  const dialog = element("dialog", { class: "dialog", "aria-label": "Copy by hand" });
  const kept = actionButton("Save as a file", () => saveFile(new Blob([text], { type: "text/plain" }), name));
  const close = actionButton("Close", () => dialog.close());
  const told = element(
    "p",
    { class: "note" },
    "This place does not let a page copy. The text is selected: copy it.",
  );
  dialog.append(
    element("h2", {}, "Copy by hand"),
    told,
    area,
    element("div", { class: "actions" }, kept, close),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  area.select();
}
