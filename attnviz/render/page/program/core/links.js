// The keys each query of a long input reads most, with exact weights: the only single weights its page has.

/**
 * @typedef {import("./types.js").TopFacts} TopFacts
 * @typedef {{query: number, key: number, weight: number}} Link positions among the model's own tokens
 */

// Weights are even steps of a logarithm: so many, over so many powers of two below 1.
const LINK_CODES = 16383;
const LINK_OCTAVES = 20;

// Links of so many heads are kept unpacked.
const LINK_HEADS = 6;

/** The top keys of a map's queries, a layer's opened when it is first asked for. */
export class TopKeys {
  /**
   * @param {TopFacts} facts
   * @param {number} heads of each layer
   * @param {number} queries of the model
   * @param {(buffer: number) => Promise<Uint8Array>} unpack
   */
  constructor(facts, heads, queries, unpack) {
    this.facts = facts;
    this.heads = heads;
    this.queries = queries;
    this.unpack = unpack;
    /** @type {({positions: Uint8Array, weights: Uint8Array}|undefined)[]} */
    this.layers = [];
    /** @type {Map<string, HeadLinks>} */
    this.known = new Map();
  }

  /**
   * @param {number} layer its place among those held
   * @returns {Promise<void>}
   */
  async open(layer) {
    const { positions, weights } = this.facts;
    this.layers[layer] ??= {
      positions: await this.unpack(positions[layer]),
      weights: await this.unpack(weights[layer]),
    };
  }

  /**
   * Give a head's links; null where its layer is not open.
   * @param {number} layer
   * @param {number} head its place in the layer
   * @returns {HeadLinks|null}
   */
  of(layer, head) {
    const packed = this.layers[layer];
    if (!packed) return null;
    const name = `${layer} ${head}`;
    const found = this.known.get(name) ?? this.read(packed, head);
    this.known.delete(name);
    this.known.set(name, found);
    if (this.known.size > LINK_HEADS) this.known.delete(this.known.keys().next().value ?? "");
    return found;
  }

  /**
   * @param {{positions: Uint8Array, weights: Uint8Array}} packed
   * @param {number} head
   * @returns {HeadLinks}
   */
  read({ positions, weights }, head) {
    const { most, planes, ahead } = this.facts;
    const each = most * this.queries;
    const isNear = positions[head] === 1;
    const numbers = joinedPlanes(
      positions.subarray(this.heads),
      planes,
      this.heads * each,
      head * each,
      each,
    );
    const codes = joinedPlanes(weights, 2, this.heads * each, head * each, each);
    const keys = numbers.map((number, place) =>
      isNear && number > 0 ? 1 + keyBehind(number - 1, (place % this.queries) + ahead) : number,
    );
    return new HeadLinks(keys, Float32Array.from(codes, linkWeight), this.queries, most);
  }
}

/** The links of one head. */
export class HeadLinks {
  /**
   * @param {Uint32Array} keys (rank, query): a position, and one more; 0 for none
   * @param {Float32Array} weights (rank, query)
   * @param {number} queries
   * @param {number} most
   */
  constructor(keys, weights, queries, most) {
    this.keys = keys;
    this.weights = weights;
    this.queries = queries;
    this.most = most;
  }

  /**
   * Give the keys a query reads most, the largest weight first.
   * @param {number} query
   * @returns {Link[]}
   */
  of(query) {
    /** @type {Link[]} */
    const found = [];
    for (let place = query; place < this.keys.length; place += this.queries) {
      if (this.keys[place] > 0) found.push({ query, key: this.keys[place] - 1, weight: this.weights[place] });
    }
    return found;
  }

  /**
   * Give the strongest known links between some queries and some keys.
   * @param {[number, number]} queries the first and the last
   * @param {[number, number]} keys
   * @param {number} most
   * @returns {Link[]} the strongest first
   */
  within([first, last], [left, right], most) {
    /** @type {Link[]} */
    const found = [];
    let least = 0;
    for (let rank = 0; rank < this.most; rank += 1) {
      for (let query = first; query <= last; query += 1) {
        const place = rank * this.queries + query;
        const key = this.keys[place] - 1;
        const weight = this.weights[place];
        if (key < left || key > right || weight <= least) continue;
        found.push({ query, key, weight });
        if (found.length < 2 * most + 16) continue;
        found.sort(strongerLink).length = most;
        least = found[most - 1].weight;
      }
    }
    return found.sort(strongerLink).slice(0, most);
  }
}

/**
 * @param {Link} one
 * @param {Link} other
 * @returns {number}
 */
function strongerLink(one, other) {
  return other.weight - one.weight || one.query - other.query || one.key - other.key;
}

/**
 * Put numbers together that were parted into bytes, the lowest first.
 * @param {Uint8Array} bytes (plane, number)
 * @param {number} planes
 * @param {number} apart from one plane to the next
 * @param {number} first
 * @param {number} count
 * @returns {Uint32Array}
 */
function joinedPlanes(bytes, planes, apart, first, count) {
  const numbers = new Uint32Array(count);
  for (let plane = 0; plane < planes; plane += 1) {
    const part = bytes.subarray(plane * apart + first, plane * apart + first + count);
    for (let place = 0; place < count; place += 1) numbers[place] += part[place] * 256 ** plane;
  }
  return numbers;
}

/**
 * Find the key so far behind a place, or ahead of it: 0, 1 ahead, 1 behind, 2 ahead ...
 * @param {number} step
 * @param {number} from
 * @returns {number}
 */
function keyBehind(step, from) {
  return step % 2 === 0 ? from - step / 2 : from + (step + 1) / 2;
}

/**
 * @param {number} code
 * @returns {number}
 */
function linkWeight(code) {
  return code === 0 ? 0 : 2 ** (((code - LINK_CODES) / (LINK_CODES - 1)) * LINK_OCTAVES);
}
