// Which part of a long text is on screen, and which of its tokens are picked.

import { wholeSide } from "../core/whole.js";

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {import("../core/types.js").State} State
 * @typedef {import("../core/whole.js").WholeSide} WholeSide
 * @typedef {[number, number]} Span the first and the last token
 */

/**
 * Give a side of a map token by token.
 * @param {AttentionMap} map
 * @param {"query"|"key"} side
 * @returns {WholeSide}
 */
export function wholeOf(map, side) {
  const whole = wholeSide(side === "query" ? map.queries : map.keys);
  if (!whole) throw new Error("the tokens of this text are not known");
  return whole;
}

/**
 * Give the row or column that is picked, as tokens; one of them where one is.
 * @param {AttentionMap} map
 * @param {Pick<State, "query"|"key"|"queryToken"|"keyToken">} state
 * @param {"query"|"key"} side
 * @returns {{span: Span, token: number|null} | null}
 */
export function pickedSpan(map, state, side) {
  const row = state[side];
  const whole = wholeOf(map, side);
  if (row === null || row >= whole.starts.length) return null;
  const span = whole.run(row);
  const token = state[`${side}Token`];
  const isWithin = token !== null && token >= span[0] && token <= span[1];
  if (span[0] === span[1]) return { span, token: span[0] };
  return { span, token: isWithin ? token : null };
}

/**
 * Say what a pick of a token changes.
 * @param {AttentionMap} map
 * @param {"query"|"key"} side
 * @param {number|null} token null for letting go of it
 * @returns {Partial<State>}
 */
export function pickToken(map, side, token) {
  const row = token === null ? null : wholeOf(map, side).rowOf(token);
  return side === "query" ? { query: row, queryToken: token } : { key: row, keyToken: token };
}
