// Where the tiles of the grid stand, and how large they are. Lengths are CSS pixels.

/**
 * @typedef {import("../core/data.js").AttentionMap} AttentionMap
 * @typedef {{name: string, row: number, column: number, place: number}} GridPlace a head's tile; `place` is its
 *     layer's among those held
 * @typedef {object} GridRoom
 * @property {number} width what the tiles and their gaps may take
 * @property {number} height what would be good to stay within
 * @property {boolean} small whether it stands beside a view
 */

/** Between two tiles: wide enough for a frame around one where it stands alone, a hair beside a view. */
export const GRID_GAP = 3;
export const GRID_SMALL_GAP = 1;

// As the figure does: beyond this ratio of its sides a tile would be a strip.
const GRID_LONGEST = 2.5;
const GRID_LARGEST = 168;
const GRID_LARGEST_SMALL = 96;

// All heads are to be seen at once as long as tiles stay this large; smaller ones scroll.
const GRID_COMFORTABLE = 56;

// With the gaps around it a finger still hits one.
const GRID_SMALLEST = 18;
const GRID_TINIEST = 3;

// Maps of whole layers stand side by side, at best this wide.
const GRID_ALONE = 132;
const GRID_ALONE_SMALL = 56;

// A weight of so many pixels or more is to be as large as its neighbours.
const GRID_WHOLE_PIXELS = 6;

/**
 * Whether a map has one map for each layer, so that there are no heads to number.
 * @param {AttentionMap} map
 * @returns {boolean}
 */
export function gridIsOfLayers(map) {
  return map.facts.heads.length === 1 && map.facts.heads[0] < 0;
}

/**
 * Say how many tiles stand side by side.
 * @param {AttentionMap} map
 * @param {GridRoom} room
 * @returns {number}
 */
export function gridColumns(map, room) {
  if (!gridIsOfLayers(map)) return map.facts.heads.length;
  const wide = room.small ? GRID_ALONE_SMALL : GRID_ALONE;
  return Math.max(1, Math.min(map.facts.layers.length, Math.floor(room.width / wide)));
}

/**
 * Give every head its row and column: layers down and heads across; maps of layers follow each other.
 * @param {AttentionMap} map
 * @param {number} columns
 * @returns {GridPlace[]}
 */
export function gridPlaces(map, columns) {
  const { heads } = map.facts;
  return map.names.map((name, index) => ({
    name,
    row: Math.floor(index / columns),
    column: index % columns,
    place: Math.floor(index / heads.length),
  }));
}

/**
 * Find the size of a tile: as large as fits, of whole pixels for each weight where it has several.
 * @param {GridRoom} room
 * @param {{columns: number, rows: number}} grid how many tiles
 * @param {{queries: number, keys: number}} shape of a head as it is shown
 * @returns {{width: number, height: number, gap: number}}
 */
export function gridTileSize(room, grid, shape) {
  const gap = room.small ? GRID_SMALL_GAP : GRID_GAP;
  const ratio = Math.min(GRID_LONGEST, Math.max(1 / GRID_LONGEST, shape.keys / Math.max(1, shape.queries)));
  const across = room.width / grid.columns - gap;
  const down = (room.height / grid.rows - gap) * ratio;
  const most = room.small ? GRID_LARGEST_SMALL : GRID_LARGEST;
  const wanted = room.small
    ? across
    : Math.max(GRID_SMALLEST, Math.min(across, Math.max(down, GRID_COMFORTABLE)));
  const width = Math.max(GRID_TINIEST, Math.floor(Math.min(wanted, most, most * ratio)));
  return {
    width: gridWhole(width, shape.keys),
    height: gridWhole(Math.max(GRID_TINIEST, Math.round(width / ratio)), shape.queries),
    gap,
  };
}

/**
 * @param {number} length
 * @param {number} cells
 * @returns {number}
 */
function gridWhole(length, cells) {
  const cell = Math.floor(length / Math.max(1, cells));
  return cell >= GRID_WHOLE_PIXELS ? cell * cells : length;
}

/**
 * Say which of the numbers along an axis have room: every one, every second, every fifth ...
 * @param {number} length of a tile and its gap
 * @param {number} needed by a number
 * @returns {number}
 */
export function gridStep(length, needed) {
  return [1, 2, 4, 5, 8, 10, 16, 20, 32].find((step) => step * length >= needed) ?? 64;
}

/**
 * Find the tile an arrow leads to.
 * @param {GridPlace[]} places
 * @param {string} name of the head the reader is at
 * @param {string} key
 * @param {boolean} far whether Home and End mean the whole grid
 * @returns {string|null} null where the key means nothing here, or leads nowhere
 */
export function gridNeighbor(places, name, key, far = false) {
  const index = places.findIndex((place) => place.name === name);
  if (index < 0) return null;
  const { row, column } = places[index];
  const at = (/** @type {number} */ down, /** @type {number} */ across) =>
    places.find((place) => place.row === row + down && place.column === column + across)?.name ?? null;
  const line = far ? places : places.filter((place) => place.row === row);
  const steps = {
    ArrowLeft: () => at(0, -1),
    ArrowRight: () => at(0, 1),
    ArrowUp: () => at(-1, 0),
    ArrowDown: () => at(1, 0),
    Home: () => line[0].name,
    End: () => line[line.length - 1].name,
  };
  return key in steps ? steps[/** @type {keyof typeof steps} */ (key)]() : null;
}
