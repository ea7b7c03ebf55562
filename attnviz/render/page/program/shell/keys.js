// Keys that work everywhere on the page, but not while something is being typed.

import { headAbove, headBeside } from "./moves.js";
import { headShown } from "./heads.js";
import { generatedIn, hasSpecial, hasWords, hiddenText, setStep, stepText, whyFixed } from "./options.js";
import { openView, tabbedViews } from "./tabs.js";

/**
 * @typedef {import("../core/types.js").Context} Context
 * @typedef {import("../core/types.js").View} View
 * @typedef {object} Shortcut
 * @property {string} key
 * @property {string} what
 * @property {() => void} act
 * @property {() => string} [told] what is so now, for who does not see the control change
 * @property {string} [shown] where one row of the help stands for several keys; "" for those that it stands for
 */

/** @type {Object<string, "auto"|"light"|"dark">} */
export const NEXT_THEME = { auto: "light", light: "dark", dark: "auto" };

/**
 * List every key.
 * @param {View[]} views
 * @param {Context} context
 * @param {{help: () => void, search: () => void}} acts
 * @returns {Shortcut[]}
 */
export function shortcuts(views, context, { help, search }) {
  const { store } = context;
  return [
    ...viewShortcuts(views, context),
    ...headShortcuts(context),
    ...shownShortcuts(context),
    {
      key: "t",
      what: "theme: the system's, light, dark",
      act: () => store.set({ theme: NEXT_THEME[store.state.theme] }),
      told: () => `theme: ${store.state.theme}`,
    },
    { key: "/", what: "find a token", act: search },
    { key: "?", what: "this help", act: help },
    {
      key: "Escape",
      shown: "Esc",
      what: "let go of what is picked",
      act: () => store.set({ query: null, key: null, queryToken: null, keyToken: null }),
      told: () => "",
    },
  ];
}

/**
 * @param {View[]} views
 * @param {Context} context
 * @returns {Shortcut[]}
 */
function viewShortcuts(views, context) {
  const { store } = context;
  const show = (/** @type {number} */ place) => {
    const view = tabbedViews(views, context, store.state)[place];
    if (view) openView(view, context);
  };
  return views.map((_, place) => ({
    key: String(place + 1),
    what: "a view, by the place of its tab",
    shown: place === 0 ? `1 – ${views.length}` : "",
    act: () => show(place),
  }));
}

/**
 * @param {Context} context
 * @returns {Shortcut[]}
 */
function headShortcuts({ page, store }) {
  const move = (/** @type {typeof headBeside} */ way, /** @type {number} */ by) => () =>
    store.set({ head: way(page.map(store.state.map), store.state.head, by) });
  const told = () => headShown(page, store.state);
  return [
    { key: "[", shown: "[ ]", what: "previous and next head", act: move(headBeside, -1), told },
    { key: "]", shown: "", what: "next head", act: move(headBeside, 1), told },
    { key: "{", shown: "{ }", what: "previous and next layer", act: move(headAbove, -1), told },
    { key: "}", shown: "", what: "next layer", act: move(headAbove, 1), told },
  ];
}

/**
 * @param {Context} context
 * @returns {Shortcut[]}
 */
function shownShortcuts({ page, store }) {
  const map = () => page.map(store.state.map);
  const state = () => store.state;
  const turnWords = () => hasWords(map()) && store.set({ words: !state().words });
  const turnSpecial = () => hasSpecial(map()) && store.set({ special: !state().special });
  const turnScale = () => store.set({ scale: state().scale === "log" ? "linear" : "log" });
  const step = (/** @type {number} */ by) => () =>
    setStep(store, map(), (state().step ?? generatedIn(map()).count) + by);
  const told = {
    words: () => whyFixed(map()) || (state().words ? "whole words" : "the model's pieces"),
    special: () => whyFixed(map()) || (state().special ? "special tokens shown" : hiddenText(map(), state())),
    scale: () => `${state().scale} scale`,
    step: () => stepText(map(), state().step ?? generatedIn(map()).count),
  };
  return [
    { key: "w", what: "whole words, or the model's pieces", act: turnWords, told: told.words },
    { key: "s", what: "special tokens shown, or hidden", act: turnSpecial, told: told.special },
    { key: "l", what: "colours on a log scale, or a linear one", act: turnScale, told: told.scale },
    { key: ",", shown: ", .", what: "one generated token less, and more", act: step(-1), told: told.step },
    { key: ".", shown: "", what: "one generated token more", act: step(1), told: told.step },
  ];
}

/**
 * @param {Shortcut[]} keys
 * @param {() => boolean} wanted whether the reader wants single keys to act
 * @param {(sentence: string) => void} say
 */
export function listenToKeys(keys, wanted, say) {
  document.addEventListener("keydown", (event) => {
    const busy = document.querySelector("dialog[open]") !== null;
    if (event.defaultPrevented || busy || isChord(event) || isTyped(event.target)) return;
    const pressed = keys.find(({ key }) => key === event.key || key === event.key.toLowerCase());
    if (!pressed || !(wanted() || pressed.key === "Escape")) return;
    event.preventDefault();
    pressed.act();
    if (pressed.told) say(pressed.told());
  });
}

/**
 * Whether a key is pressed together with one that makes it something else. AltGr only reaches a character.
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
function isChord(event) {
  if (event.getModifierState("AltGraph")) return false;
  return event.ctrlKey || event.metaKey || event.altKey;
}

/**
 * Whether keys pressed there are text, or choose from a list.
 * @param {EventTarget|null} target
 * @returns {boolean}
 */
function isTyped(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement)
    return !["range", "checkbox", "radio", "button"].includes(target.type);
  return (
    target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement || target.isContentEditable
  );
}
