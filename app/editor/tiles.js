/**
 * The slice as canvases of 512 px, coarser ones where the view is zoomed out, so that a frame costs what the screen
 * shows and not what the slice holds. A tile remembers which part of it is out of date and is mended when it is seen.
 */

import { UNSURE } from "./raster.js";

/** @typedef {import("./raster.js").Rect} Rect */

export const TILE = 512;
const MOST_TILES = 96;

/** @typedef {{canvas: HTMLCanvasElement, level: number, tx: number, ty: number, dirty: Rect | null}} Tile */

export class Tiles {
  /** @param {import("./raster.js").Raster} raster */
  constructor(raster) {
    this.raster = raster;
    this.table = new Uint32Array(2 << 16);
    this.outline = false;
    /** @type {Map<string, Tile>} the least recently seen first */
    this.tiles = new Map();
    this.scratch = new ImageData(TILE, TILE);
    this.pixels = new Uint32Array(this.scratch.data.buffer);
  }

  /** The level whose pixels are just not larger than the screen's. @param {number} scale screen px per image px */
  levelFor(scale) {
    const wanted = scale >= 1 ? 0 : Math.floor(Math.log2(1 / scale) + 1e-9);
    return Math.min(this.raster.levels.length - 1, wanted);
  }

  /** @param {Uint32Array} table @param {boolean} outline */
  setTable(table, outline) {
    this.table = table;
    this.outline = outline;
    this.invalidate({ x0: 0, y0: 0, x1: this.raster.width, y1: this.raster.height });
  }

  /** Part of the slice has changed. @param {Rect} rect in image pixels */
  invalidate(rect) {
    for (const tile of this.tiles.values()) {
      const dirty = this.#inTile(tile, rect);
      if (dirty !== null) tile.dirty = tile.dirty === null ? dirty : union(tile.dirty, dirty);
    }
  }

  /** @returns {Tile | undefined} as it is, perhaps out of date */
  cached(level, tx, ty) {
    return this.tiles.get(`${level}/${tx}/${ty}`);
  }

  /** @returns {Tile} up to date */
  fresh(level, tx, ty) {
    const key = `${level}/${tx}/${ty}`;
    const tile = this.tiles.get(key) ?? this.#create(level, tx, ty);
    this.tiles.delete(key);
    this.tiles.set(key, tile);
    if (this.tiles.size > MOST_TILES) this.tiles.delete(this.tiles.keys().next().value);
    if (tile.dirty !== null) this.#render(tile, tile.dirty);
    tile.dirty = null;
    return tile;
  }

  #create(level, tx, ty) {
    const canvas = document.createElement("canvas");
    const { width, height } = this.raster.levels[level];
    canvas.width = Math.min(TILE, width - tx * TILE);
    canvas.height = Math.min(TILE, height - ty * TILE);
    return { canvas, level, tx, ty, dirty: { x0: 0, y0: 0, x1: canvas.width, y1: canvas.height } };
  }

  /** A rectangle of the slice in the pixels of a tile, one pixel wider for outlines; null where they do not meet. */
  #inTile(tile, rect) {
    const shrink = 2 ** tile.level;
    const dirty = {
      x0: Math.max(0, Math.floor(rect.x0 / shrink) - 1 - tile.tx * TILE),
      y0: Math.max(0, Math.floor(rect.y0 / shrink) - 1 - tile.ty * TILE),
      x1: Math.min(tile.canvas.width, Math.ceil(rect.x1 / shrink) + 1 - tile.tx * TILE),
      y1: Math.min(tile.canvas.height, Math.ceil(rect.y1 / shrink) + 1 - tile.ty * TILE),
    };
    return dirty.x0 < dirty.x1 && dirty.y0 < dirty.y1 ? dirty : null;
  }

  #render(tile, { x0, y0, x1, y1 }) {
    const { level, tx, ty } = tile;
    const { width, grey } = this.raster.levels[level];
    const { mask, touched } = this.raster;
    const columns = this.#samples(level, tx * TILE + x0, tx * TILE + x1, this.raster.width);
    const { table, pixels, outline } = this;
    for (let y = y0; y < y1; y += 1) {
      const row = this.#sample(level, ty * TILE + y, this.raster.height) * this.raster.width;
      const greyRow = (ty * TILE + y) * width + tx * TILE;
      const out = y * TILE;
      for (let x = x0; x < x1; x += 1) {
        const at = row + columns[x - x0];
        const index = (touched[at] << 16) | (mask[at] << 8) | grey[greyRow + x];
        pixels[out + x] = table[index];
        if (outline && !this.#onBorder(at, row, columns[x - x0], level)) {
          pixels[out + x] = table[(UNSURE << 8) | grey[greyRow + x]]; // untouched and unlabelled: plain grey
        }
      }
    }
    tile.canvas.getContext("2d").putImageData(this.scratch, 0, 0, x0, y0, x1 - x0, y1 - y0);
  }

  /** Whether a neighbour, one pixel of this level away, has another class. */
  #onBorder(at, row, x, level) {
    const { mask, width, height } = this.raster;
    const step = 2 ** level;
    const y = row / width;
    return (
      (x >= step && mask[at - step] !== mask[at]) ||
      (x + step < width && mask[at + step] !== mask[at]) ||
      (y >= step && mask[at - step * width] !== mask[at]) ||
      (y + step < height && mask[at + step * width] !== mask[at])
    );
  }

  #samples(level, from, to, length) {
    return Int32Array.from({ length: to - from }, (_, i) => this.#sample(level, from + i, length));
  }

  /** The image pixel in the middle of a level's pixel. */
  #sample(level, i, length) {
    return Math.min(length - 1, (i << level) + ((1 << level) >> 1));
  }
}

/** @param {Rect} a @param {Rect} b @returns {Rect} */
export function union(a, b) {
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}
