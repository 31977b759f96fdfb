/** The superpixels of the slice, fetched tile by tile on demand. */

import { setBounded } from "./bounded_map.js";
import { decodeFrame, toUint16 } from "./wire.js";

const TILE = 512;
const MOST_TILES = 48;
/** Time before a failed tile is requested again, however often the cursor moves. */
const PAUSE_MS = 2000;

/** @typedef {{y0: number, x0: number, height: number, width: number, ids: Uint16Array}} Tile ids row by row, in the tile. */
/** @typedef {{y: number, x0: number, x1: number}} Row Pixels x0 <= x < x1 of a row of the slice. */
/** @typedef {Tile & {id: number}} Superpixel The tile that holds a pixel, and the pixel's id in it. */

export class Superpixels {
  /** @param {Pick<import("./transport.js").Api, "get">} api @param {() => number} now milliseconds */
  constructor(api, now = () => performance.now()) {
    this.api = api;
    this.now = now;
    /** @type {Map<string, Tile>} the least recently used first */
    this.tiles = new Map();
    /** @type {Map<string, Promise<Tile>>} */
    this.coming = new Map();
    /** Times of failed requests. @type {Map<string, number>} */
    this.failed = new Map();
  }

  /**
   * Return the superpixel of a pixel; request its tile and return null if it is not loaded.
   * @param {number} x @param {number} y @returns {Superpixel | null}
   */
  at(x, y) {
    const key = keyOf(x, y);
    const tile = this.tiles.get(key);
    if (tile !== undefined) {
      this.tiles.delete(key);
      this.tiles.set(key, tile);
      return superpixel(tile, x, y);
    }
    const rests = this.now() - (this.failed.get(key) ?? -Infinity) < PAUSE_MS;
    if (!rests) this.request(x, y).catch(() => {}); // `request` reports the error to the caller who waits for the tile
    return null;
  }

  /** Wait for the superpixel of a pixel. @returns {Promise<Superpixel>} rejected if the server did not send it */
  async request(x, y) {
    const key = keyOf(x, y);
    const tile = this.tiles.get(key) ?? (await (this.coming.get(key) ?? this.#fetch(key, x, y)));
    return superpixel(tile, x, y);
  }

  #fetch(key, x, y) {
    const fetched = this.#ask(x, y)
      .then((tile) => this.#keep(key, tile))
      .catch((error) => {
        this.failed.set(key, this.now());
        throw error;
      })
      .finally(() => this.coming.delete(key));
    this.coming.set(key, fetched);
    return fetched;
  }

  async #ask(x, y) {
    const path = `superpixels?ty=${Math.floor(y / TILE)}&tx=${Math.floor(x / TILE)}`;
    const { facts, body } = decodeFrame(await this.api.get(path));
    const { y0, x0, height, width } = facts;
    return { y0, x0, height, width, ids: toUint16(body) };
  }

  #keep(key, tile) {
    this.failed.delete(key);
    setBounded(this.tiles, key, tile, MOST_TILES);
    return tile;
  }
}

/** Return the rows of pixels of a superpixel, in the slice. @param {Superpixel} superpixel @returns {Row[]} */
export function rowsOf({ y0, x0, width, ids, id }) {
  const rows = [];
  for (let at = ids.indexOf(id); at !== -1; at = ids.indexOf(id, at)) {
    const [row, from] = [Math.floor(at / width), at % width];
    const end = (row + 1) * width;
    while (at < end && ids[at] === id) at += 1;
    rows.push({ y: y0 + row, x0: x0 + from, x1: x0 + at - row * width });
  }
  return rows;
}

function keyOf(x, y) {
  return `${Math.floor(y / TILE)}/${Math.floor(x / TILE)}`;
}

/** @returns {Superpixel} */
function superpixel(tile, x, y) {
  return { ...tile, id: tile.ids[(Math.floor(y) - tile.y0) * tile.width + Math.floor(x) - tile.x0] };
}
