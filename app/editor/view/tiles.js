/**
 * The slice as canvases of 512 px, coarser ones when zoomed out, so that the cost of a frame depends on the screen and not
 * on the slice. A tile tracks which part of it is out of date, and is redrawn when it is visible.
 */

import { UNSURE } from "../slice/raster.js";
import { MaskPyramid } from "./mask_pyramid.js";
import { PREVIEWED, STATES, STRIPE } from "./palette.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/**
 * @typedef {object} Tile Pixels of a level; `dirty` is the part out of date.
 * @property {HTMLCanvasElement} canvas with `width` x `height` pixels in use
 * @property {number} level
 * @property {number} tx
 * @property {number} ty
 * @property {number} width
 * @property {number} height
 * @property {Rect | null} dirty
 */

export const TILE = 512;
/** Width of an outline in pixels of a level. */
const BORDER = 2;
/** Longest row drawn at once, in pixels. */
const LINE = TILE + 2 * BORDER;
/** Tiles kept besides the visible ones, to make panning back cheap; each takes 1 MB. */
const SPARE_TILES = 48;
/** Pixels of a stripe out of every eight along a row. */
const STRIPE_WIDTH = 2;

/**
 * Return the coarsest level with pixels no larger than those of the screen.
 * @param {number} scale screen px per image px @param {number} count of levels
 */
export function levelFor(scale, count) {
  const wanted = scale >= 1 ? 0 : Math.floor(Math.log2(1 / scale) + 1e-9);
  return Math.min(count - 1, wanted);
}

export class Tiles {
  /** @param {Raster} raster */
  constructor(raster) {
    this.raster = raster;
    this.maskPyramid = new MaskPyramid(raster);
    this.table = new Uint32Array(STATES << 16);
    /** Colours of pixels without a class, by grey value. */
    this.bare = new Uint32Array(256);
    /** The class shown by `state << 8 | class`; null to draw areas instead of borders. @type {Uint8Array | null} */
    this.shown = null;
    /** @type {Map<string, Tile>} the least recently seen first */
    this.tiles = new Map();
    /** Unused canvases. @type {HTMLCanvasElement[]} */
    this.canvases = [];
    this.scratch = new ImageData(TILE, TILE);
    this.pixels = new Uint32Array(this.scratch.data.buffer);
    /** Rows of keys, and the classes shown for them. */
    this.lines = [0, 1, 2, 3, 4].map(() => ({ keys: new Uint16Array(LINE), ids: new Uint8Array(LINE) }));
  }

  /** Continue with another slice. @param {Raster} raster */
  use(raster) {
    this.raster = raster;
    this.maskPyramid = new MaskPyramid(raster);
    for (const tile of this.tiles.values()) this.canvases.push(tile.canvas);
    this.tiles.clear();
  }

  /**
   * @param {Uint32Array} table from `buildTable` @param {Uint32Array} bare from `bareTable`
   * @param {Uint8Array | null} shown from `buildShown`, to draw borders instead of areas
   */
  setTable(table, bare, shown) {
    this.table = table;
    this.bare = bare;
    this.shown = shown;
    this.invalidate({ x0: 0, y0: 0, x1: this.raster.width, y1: this.raster.height });
  }

  /** Mark a part of the slice with changed classes. @param {Rect} rect in image pixels */
  changed(rect) {
    this.maskPyramid.changed(rect);
    this.invalidate(rect);
  }

  /** Mark a part of the slice to be redrawn. @param {Rect} rect in image pixels */
  invalidate(rect) {
    for (const tile of this.tiles.values()) {
      const dirty = inTile(tile, rect);
      if (dirty !== null) tile.dirty = tile.dirty === null ? dirty : union(tile.dirty, dirty);
    }
  }

  /** @returns {Tile | undefined} possibly out of date */
  cached(level, tx, ty) {
    return this.tiles.get(`${level}/${tx}/${ty}`);
  }

  /** @returns {Tile} up to date */
  fresh(level, tx, ty) {
    const key = `${level}/${tx}/${ty}`;
    const tile = this.tiles.get(key) ?? this.#create(level, tx, ty);
    this.tiles.delete(key);
    this.tiles.set(key, tile);
    if (tile.dirty !== null) {
      if (this.shown === null) this.#renderAreas(tile, tile.dirty);
      else this.#renderBorders(tile, tile.dirty);
    }
    tile.dirty = null;
    return tile;
  }

  /** Drop the tiles unseen for longest. @param {number} inView number of visible tiles */
  trim(inView) {
    while (this.tiles.size > inView + SPARE_TILES) {
      const [key, { canvas }] = this.tiles.entries().next().value;
      this.tiles.delete(key);
      this.canvases.push(canvas);
    }
  }

  #create(level, tx, ty) {
    const canvas = this.canvases.pop() ?? document.createElement("canvas");
    if (canvas.width !== TILE || canvas.height !== TILE) [canvas.width, canvas.height] = [TILE, TILE];
    const all = this.raster.levels[level];
    const [width, height] = [Math.min(TILE, all.width - tx * TILE), Math.min(TILE, all.height - ty * TILE)];
    return { canvas, level, tx, ty, width, height, dirty: { x0: 0, y0: 0, x1: width, y1: height } };
  }

  #renderAreas({ canvas, level, tx, ty }, { x0, y0, x1, y1 }) {
    const { grey, width } = this.raster.levels[level];
    const { table, pixels } = this;
    const { keys } = this.lines[0];
    const [left, top] = [tx * TILE + x0, ty * TILE + y0];
    const read = this.#reader(level, { x0: left, y0: top, x1: left + x1 - x0, y1: top + y1 - y0 });
    for (let y = top; y < top + y1 - y0; y += 1) {
      read(y, keys);
      const out = (y - ty * TILE) * TILE + x0;
      const from = y * width + left;
      for (let i = 0; i < x1 - x0; i += 1) {
        let key = keys[i]; // 256, 512 or 768 is labelled background
        if ((key === 256 || key === 512 || key === 768) && ((left + i + y) & 7) < STRIPE_WIDTH) key |= STRIPE;
        pixels[out + i] = table[(key << 8) | grey[from + i]];
      }
    }
    canvas.getContext("2d").putImageData(this.scratch, 0, 0, x0, y0, x1 - x0, y1 - y0);
  }

  /** Colour the pixels beside another class only. */
  #renderBorders({ canvas, level, tx, ty }, { x0, y0, x1, y1 }) {
    const { grey, width } = this.raster.levels[level];
    const { table, bare, pixels } = this;
    const [left, top] = [tx * TILE + x0 - BORDER, ty * TILE + y0];
    const length = x1 - x0 + 2 * BORDER;
    const read = this.#reader(level, { x0: left, y0: top - BORDER, x1: left + length, y1: top + y1 - y0 + BORDER });
    const next = (line, y) => this.#readShown(read, line, y, length);
    let [above2, above, here, below, below2] = this.lines;
    [above2, above, here, below].forEach((line, i) => next(line, top - BORDER + i));
    for (let y = top; y < top + y1 - y0; y += 1) {
      next(below2, y + BORDER);
      const { ids, keys } = here;
      const [up2, up, down, down2] = [above2.ids, above.ids, below.ids, below2.ids];
      const out = (y - ty * TILE) * TILE + x0 - BORDER;
      const from = y * width + left;
      for (let i = BORDER; i < length - BORDER; i += 1) {
        const id = ids[i];
        const within = ids[i - 1] === id && ids[i + 1] === id && up[i] === id && down[i] === id;
        const bareClass = id === 0 || id === UNSURE; // only darkened, one pixel wide
        if (within && (bareClass || (ids[i - 2] === id && ids[i + 2] === id && up2[i] === id && down2[i] === id))) {
          pixels[out + i] = bare[grey[from + i]];
        } else {
          pixels[out + i] = table[(keys[i] << 8) | grey[from + i]];
        }
      }
      [above2, above, here, below, below2] = [above, here, below, below2, above2];
    }
    canvas.getContext("2d").putImageData(this.scratch, 0, 0, x0, y0, x1 - x0, y1 - y0);
  }

  /** Read a row of keys, and the classes shown for them. */
  #readShown(read, { keys, ids }, y, length) {
    read(y, keys);
    for (let i = 0; i < length; i += 1) ids[i] = this.shown[keys[i]];
  }

  /**
   * Return a function to read a row of keys, `state << 8 | class`, of part of a level; edge pixels repeat beyond the level.
   * @param {number} level @param {Rect} part @returns {(y: number, line: Uint16Array) => void}
   */
  #reader(level, { x0, y0, x1, y1 }) {
    const { width, height } = this.raster.levels[level];
    const inside = { x0: Math.max(0, x0), y0: Math.max(0, y0), x1: Math.min(width, x1), y1: Math.min(height, y1) };
    const source = level === 0 ? null : this.maskPyramid.keys(level, inside);
    return (y, line) => {
      const row = Math.max(0, Math.min(height - 1, y)) * width;
      const [from, to] = [inside.x0 - x0, inside.x1 - x0];
      if (source === null) this.#readSlice(row + inside.x0, row + inside.x1, line, from);
      else line.set(source.subarray(row + inside.x0, row + inside.x1), from);
      line.fill(line[from], 0, from);
      line.fill(line[to - 1], to, x1 - x0);
    };
  }

  #readSlice(start, end, line, from) {
    const { mask, touched, saved, preview } = this.raster;
    for (let at = start, i = from; at < end; at += 1, i += 1) {
      line[i] = ((touched[at] | (saved[at] << 1)) << 8) | mask[at];
      if (preview !== null && line[i] < 256 && preview[at] !== UNSURE) line[i] = (PREVIEWED << 8) | preview[at];
    }
  }
}

/** Convert a rectangle of the slice to pixels of a tile, widened by a border; null if they do not meet. */
function inTile({ level, tx, ty, width, height }, rect) {
  const shrink = 2 ** level;
  const dirty = {
    x0: Math.max(0, Math.floor(rect.x0 / shrink) - BORDER - tx * TILE),
    y0: Math.max(0, Math.floor(rect.y0 / shrink) - BORDER - ty * TILE),
    x1: Math.min(width, Math.ceil(rect.x1 / shrink) + BORDER - tx * TILE),
    y1: Math.min(height, Math.ceil(rect.y1 / shrink) + BORDER - ty * TILE),
  };
  return dirty.x0 < dirty.x1 && dirty.y0 < dirty.y1 ? dirty : null;
}

/** Return the bounding rectangle of two rectangles. @param {Rect} a @param {Rect} b @returns {Rect} */
export function union(a, b) {
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}
