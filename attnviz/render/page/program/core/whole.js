// Every token of a side whose rows stand for runs of them; of any other side the rows themselves.

/**
 * @typedef {import("./types.js").Label} Label
 * @typedef {import("./types.js").SequenceFacts} SequenceFacts
 * @typedef {import("./types.js").TokenFacts} TokenFacts
 * @typedef {[number, number]} Run the first and the last token of a run
 */

/** @type {WeakMap<SequenceFacts, WholeSide>} */
const wholeSides = new WeakMap();

/** A side, token by token. */
export class WholeSide {
  /** @param {SequenceFacts} sequence one whose tokens are known */
  constructor({ tokens, whole }) {
    /** @type {TokenFacts[]} */
    this.tokens = whole ? whole.order.map((type) => whole.types[type]) : tokens;
    this.starts = tokens.map(({ run }, row) => (whole && run ? run[0] : row));
  }

  /**
   * @param {number} position
   * @returns {Label}
   */
  label(position) {
    const { shown: text, kind, part } = this.tokens[position];
    return { text, kind, part, position, positions: [position] };
  }

  /**
   * @param {number} row
   * @returns {Run}
   */
  run(row) {
    return [this.starts[row], (this.starts[row + 1] ?? this.tokens.length) - 1];
  }

  /**
   * Find the row a token is in.
   * @param {number} position
   * @returns {number}
   */
  rowOf(position) {
    let [low, high] = [0, this.starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.starts[middle] <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * Give a side token by token; null where the file holds no more than its runs.
 * @param {SequenceFacts} sequence
 * @returns {WholeSide|null}
 */
export function wholeSide(sequence) {
  if (sequence.pooled && !sequence.whole) return null;
  const known = wholeSides.get(sequence) ?? new WholeSide(sequence);
  wholeSides.set(sequence, known);
  return known;
}
