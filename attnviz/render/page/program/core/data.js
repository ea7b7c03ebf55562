// What is in the file: facts as text, and numbers packed into buffers that are opened when they are needed.

import { TopKeys } from "./links.js";

/**
 * @typedef {import("./types.js").Facts} Facts
 * @typedef {import("./types.js").MapFacts} MapFacts
 * @typedef {import("./types.js").SequenceFacts} SequenceFacts
 * @typedef {(buffer: number) => Promise<Uint8Array>} Unpack
 */

const LEVELS = 255;
const LARGEST = 32767;

/**
 * The vectors of a head, each one after another.
 * @typedef {object} Vectors
 * @property {number} width numbers of a vector: d_k
 * @property {Float32Array} queries (query, d_k)
 * @property {Float32Array} keys (key, d_k)
 * @property {Float32Array|null} distances (2 x reach + 1, d_k) what keys so far away add to themselves
 * @property {number|null} scale what q k is multiplied by before the softmax
 */

/** Everything one file shows. */
export class Page {
  /**
   * @param {Facts} facts
   * @param {Unpack} unpack
   */
  constructor(facts, unpack) {
    this.facts = facts;
    this.maps = facts.maps.map((map) => new AttentionMap(map, facts.sequences, unpack));
    for (const map of this.maps) {
      const twin = this.maps.find(({ facts: { id } }) => id === map.facts.pooling?.twin);
      if (twin) map.join(twin);
    }
  }

  /**
   * Give a map by its id; the first one if there is none of that name.
   * @param {string} id
   * @returns {AttentionMap}
   */
  map(id) {
    return this.maps.find((map) => map.facts.id === id) ?? this.maps[0];
  }
}

/** One record: every head's weights, a layer's opened when it is first asked for. */
export class AttentionMap {
  /**
   * @param {MapFacts} facts
   * @param {SequenceFacts[]} sequences
   * @param {Unpack} unpack
   */
  constructor(facts, sequences, unpack) {
    this.facts = facts;
    /** @type {string[]} its heads, layer by layer */
    this.names = facts.layers.flatMap((layer) => facts.heads.map((head) => headName(layer, head)));
    /** @type {Map<string, number>} where each stands among them: a page asks for a thousand heads at once */
    this.places = new Map(this.names.map((name, place) => [name, place]));
    this.queries = sequences[facts.queries];
    this.keys = sequences[facts.keys];
    this.unpack = unpack;
    /** @type {(Uint8Array|undefined)[]} for each open layer its levels (head, query, key) */
    this.levels = facts.layers.map(() => undefined);
    /** @type {(Uint8Array|undefined)[]} for each open layer that sees less, its mask */
    this.sight = facts.layers.map(() => undefined);
    /** @type {Float32Array|undefined} the rows' maxima (layer, head, query) */
    this.maxima = undefined;
    /** @type {Float32Array|undefined} the rows' masses (layer, head, query), where some row holds less than all */
    this.masses = undefined;
    /** @type {Map<number, Promise<Uint8Array>>} buffers of vectors that were asked for */
    this.asked = new Map();
    /** @type {(Promise<void>|undefined)[]} */
    this.opening = facts.layers.map(() => undefined);
    /** @type {AttentionMap|null} the map with the other statistic of the same cells */
    this.twin = null;
    const { top, pooling, heads } = facts;
    this.top = top && pooling ? new TopKeys(top, heads.length, pooling.queries, unpack) : null;
  }

  /**
   * Share what is known of the same weights with the map that shows their cells otherwise.
   * @param {AttentionMap} twin
   */
  join(twin) {
    this.twin = twin;
    this.top ??= twin.top;
    if (this.facts.focus.length > 0) return;
    const { focus, covered, measures } = twin.facts;
    Object.assign(this.facts, { focus, covered, measures });
  }

  /**
   * Give the single weights that are known of a head whose cells stand for several; null where none are.
   * @param {string} name
   * @returns {import("./links.js").HeadLinks|null}
   */
  links(name) {
    const found = this.find(name);
    return (found && this.top?.of(found.layer, found.head)) ?? null;
  }

  /**
   * Find a head: the place of its layer and of its number among those held.
   * @param {string} name
   * @returns {{layer: number, head: number} | null}
   */
  find(name) {
    const place = this.places.get(name);
    if (place === undefined) return null;
    const { heads } = this.facts;
    return { layer: Math.floor(place / heads.length), head: place % heads.length };
  }

  /**
   * Unpack a layer, once.
   * @param {number} layer its place among those held
   * @returns {Promise<void>}
   */
  open(layer) {
    this.opening[layer] ??= this.openNow(layer);
    return this.opening[layer];
  }

  /**
   * @param {number} layer
   * @returns {Promise<void>}
   */
  async openNow(layer) {
    const mask = this.facts.sight[String(this.facts.layers[layer])];
    this.maxima ??= floats(await this.unpack(this.facts.maxima));
    if (typeof this.facts.masses === "number") this.masses ??= floats(await this.unpack(this.facts.masses));
    if (mask !== undefined) this.sight[layer] = await this.unpack(mask);
    await this.top?.open(layer);
    this.levels[layer] = await this.unpack(this.facts.weights[layer]);
  }

  /**
   * Whether a head's weights are at hand.
   * @param {string} name
   * @returns {boolean}
   */
  isOpen(name) {
    const found = this.find(name);
    return found !== null && this.levels[found.layer] !== undefined;
  }

  /**
   * Give the weights of a head that is open: (query, key).
   * @param {string} name
   * @returns {Float32Array}
   */
  weights(name) {
    const { levels, maxima } = this.rows(name);
    const keys = this.keys.tokens.length;
    const values = new Float32Array(levels.length);
    for (let query = 0, cell = 0; query < maxima.length; query += 1) {
      const unit = maxima[query] / LEVELS;
      for (const end = cell + keys; cell < end; cell += 1) values[cell] = levels[cell] * unit;
    }
    return values;
  }

  /**
   * Give a head's numbers as they are stored: a weight is its level times its row's maximum / 255.
   * @param {string} name
   * @returns {{levels: Uint8Array, maxima: Float32Array}}
   */
  rows(name) {
    const found = this.find(name);
    const levels = found && this.levels[found.layer];
    if (!found || !levels || !this.maxima) throw new Error(`${name} is not open`);
    const queries = this.queries.tokens.length;
    const cells = queries * this.keys.tokens.length;
    const first = (found.layer * this.facts.heads.length + found.head) * queries;
    return {
      levels: levels.subarray(found.head * cells, (found.head + 1) * cells),
      maxima: this.maxima.subarray(first, first + queries),
    };
  }

  /**
   * Give a head's query and key vectors; null where the file holds none.
   * @param {string} name
   * @returns {Promise<Vectors|null>}
   */
  async vectors(name) {
    const { vectors } = this.facts;
    const found = this.find(name);
    if (!vectors || !found) return null;
    const place = found.layer * this.facts.heads.length + found.head;
    const part = (
      /** @type {number|null|undefined} */ shares,
      /** @type {number|null|undefined} */ maxima,
    ) =>
      typeof shares === "number" && typeof maxima === "number"
        ? this.headsVectors(place, shares, maxima)
        : null;
    const [queries, keys, distances] = await Promise.all([
      this.headsVectors(place, vectors.queries, vectors.queryMaxima),
      this.headsVectors(place, vectors.keys, vectors.keyMaxima),
      part(vectors.distances, vectors.distanceMaxima),
    ]);
    return { width: vectors.width, queries, keys, distances, scale: vectors.scales[found.layer] ?? null };
  }

  /**
   * Open a buffer of vectors and give those of one head.
   * @param {number} place the head's among all of them
   * @param {number} shares the buffer of int16 (head, vector, d_k)
   * @param {number} maxima the buffer of float32 (head, vector)
   * @returns {Promise<Float32Array>} (vector, d_k)
   */
  async headsVectors(place, shares, maxima) {
    const [packed, largest] = await Promise.all([this.unpackOnce(shares), this.unpackOnce(maxima)]);
    const width = this.facts.vectors?.width ?? 1;
    const count = largest.byteLength / 4 / (this.facts.layers.length * this.facts.heads.length);
    const units = floats(largest).subarray(place * count, (place + 1) * count);
    const levels = new Int16Array(packed.buffer, packed.byteOffset, packed.byteLength / 2);
    const own = levels.subarray(place * count * width, (place + 1) * count * width);
    return Float32Array.from(own, (level, number) => (level * units[Math.floor(number / width)]) / LARGEST);
  }

  /**
   * @param {number} buffer
   * @returns {Promise<Uint8Array>}
   */
  unpackOnce(buffer) {
    const asked = this.asked.get(buffer) ?? this.unpack(buffer);
    this.asked.set(buffer, asked);
    return asked;
  }

  /**
   * Give the masses of a head's rows as they were before rounding: the sum of many small weights is not it.
   * @param {string} name of a head that is open
   * @returns {Float32Array|null} (query); null where they are not known
   */
  rowMasses(name) {
    const found = this.find(name);
    if (!found || !this.masses) return null;
    const queries = this.queries.tokens.length;
    const first = (found.layer * this.facts.heads.length + found.head) * queries;
    return this.masses.subarray(first, first + queries);
  }

  /**
   * Whether a layer let a query look at a key.
   * @param {number} layer its place among those held
   * @param {number} query
   * @param {number} key
   * @returns {boolean}
   */
  sees(layer, query, key) {
    const mask = this.sight[layer];
    const keys = this.keys.tokens.length;
    if (mask) return ((mask[query * Math.ceil(keys / 8) + (key >> 3)] >> (key & 7)) & 1) === 1;
    // Queries are the last of the keys: with more keys than queries, the earlier ones came before.
    return !this.facts.causal || key <= query + keys - this.queries.tokens.length;
  }

  /**
   * Whether a layer hides any key from any query.
   * @param {number} layer
   * @returns {boolean}
   */
  hides(layer) {
    return this.facts.causal || this.sight[layer] !== undefined;
  }
}

/**
 * @param {number} layer
 * @param {number} head -1 where the layer has one map for all its heads
 * @returns {string}
 */
export function headName(layer, head) {
  return head < 0 ? `L${layer}` : `L${layer}H${head}`;
}

/**
 * Read what a document holds.
 * @param {Document} source
 * @returns {Page}
 */
export function readPage(source) {
  const facts = JSON.parse(source.getElementById("facts")?.textContent ?? "null");
  return new Page(facts, async (buffer) => {
    const packed = source.getElementById(`buffer-${buffer}`)?.textContent ?? "";
    return inflate(fromBase64(packed));
  });
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let place = 0; place < binary.length; place += 1) bytes[place] = binary.charCodeAt(place);
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} packed in the zlib format
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function inflate(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * @param {Uint8Array} bytes little-endian float32
 * @returns {Float32Array}
 */
export function floats(bytes) {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
