/**
 * The preview: what a quick first model makes of the open slice while it is painted. It is asked for in tiles of the view,
 * the nearest to the middle first, anew after every stroke that is stored. It is only shown; taking it into the mask is a step
 * of its own.
 */

import { UNSURE } from "../slice/raster.js";
import { errorMessage } from "../slice/transport.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/**
 * @typedef {object} Callbacks
 * @property {() => boolean} bare whether nothing else says what the pixels are that nobody has labelled
 * @property {() => Rect} inView the part of the slice that is seen
 * @property {(rect: Rect) => void} changed part of the slice is shown otherwise
 * @property {(sentence: string) => void} said what it was made from, or why there is none
 */

const TILE = 512;
/** Tiles that are asked for at most: about two seconds' work. */
const MOST = 12;
/** The view has to rest so long. */
const REST_MS = 250;

export class Preview {
  /** @param {boolean} on @param {Callbacks} callbacks */
  constructor(on, callbacks) {
    this.on = on;
    this.callbacks = callbacks;
    /** @type {Slice | null} */
    this.slice = null;
    /** Whether it is shown no more on this slice: it went into the mask, or covered what is to be saved. */
    this.hidden = false;
    /** Whether it is ahead of the network, so that it is shown over the network's prediction. */
    this.ahead = false;
    /** The action that a tile was last asked for after, by its place. @type {Map<string, number>} */
    this.asked = new Map();
    this.working = false;
    this.timer = 0;
  }

  /** Whether any pixel shows it. */
  get drawn() {
    return this.slice !== null && this.slice.raster.preview !== null;
  }

  /** Another slice is open; null while none is. @param {Slice | null} slice */
  follow(slice) {
    clearTimeout(this.timer);
    this.slice = slice;
    this.hidden = false;
    this.ahead = false;
    this.asked.clear();
    this.callbacks.said("");
    if (slice !== null && this.on) this.#begin(slice);
  }

  /** Switch it on or off. @param {boolean} on */
  turn(on) {
    this.on = on;
    this.hidden = false;
    if (!on) this.#clear("");
    else if (this.slice !== null) this.#begin(this.slice);
  }

  /** Something was stored, or the way to work is another. */
  renew() {
    if (this.#wanted) return this.#work();
    return this.drawn ? this.#clear("") : undefined;
  }

  /** The view has moved: what is missing is asked for once it rests. */
  moved() {
    clearTimeout(this.timer);
    if (this.#wanted) this.timer = setTimeout(() => this.#work(), REST_MS);
  }

  /** Show it no more on this slice, until it is switched on again. @param {string} sentence why */
  hide(sentence) {
    this.hidden = true;
    this.#clear(sentence);
  }

  get #wanted() {
    return this.on && this.slice !== null && !this.hidden && (this.ahead || this.callbacks.bare());
  }

  /** Find out whether it is wanted here, and let the server begin. @param {Slice} slice */
  async #begin(slice) {
    if (this.#wanted) await this.#prepare(slice);
    else await this.#compare(slice);
    if (slice === this.slice && this.#wanted) this.renew();
  }

  /** Ask whether the network has taken over, and say so. @param {Slice} slice */
  async #compare(slice) {
    try {
      const { facts } = await slice.preview("handover=1");
      if (slice !== this.slice) return;
      this.ahead = facts.ahead;
      this.callbacks.said(facts.sentence);
    } catch (error) {
      if (slice === this.slice) this.callbacks.said(errorMessage(error));
    }
  }

  #clear(sentence) {
    this.asked.clear();
    this.callbacks.said(sentence);
    if (!this.drawn) return;
    const { raster } = this.slice;
    raster.preview = null;
    this.callbacks.changed({ x0: 0, y0: 0, x1: raster.width, y1: raster.height });
  }

  /** Let the server do what need not wait for the first stroke. */
  async #prepare(slice) {
    const [tile] = this.#tiles();
    if (tile !== undefined) await slice.api.get(`preview?${query(tile)}&prepare=1`).catch(() => {});
  }

  /** Ask for one tile after the other, as long as some are out of date. */
  async #work() {
    if (this.working) return; // what is asked for next is decided anew after every tile
    this.working = true;
    try {
      for (let tile = this.#next(); tile !== null; tile = this.#next()) await this.#ask(this.slice, tile);
    } finally {
      this.working = false;
    }
  }

  /** The tile to ask for now, null for none. @returns {Rect | null} */
  #next() {
    if (!this.#wanted || this.slice.outbox.unsent) return null;
    const tiles = this.#tiles();
    if (tiles.length > MOST) {
      this.#clear("Zoom in to see a preview.");
      return null;
    }
    const { sequence } = this.slice.outbox;
    return tiles.find((tile) => this.asked.get(query(tile)) !== sequence) ?? null;
  }

  async #ask(slice, tile) {
    const { sequence } = slice.outbox;
    this.asked.set(query(tile), sequence);
    try {
      const { facts, body } = await slice.preview(query(tile));
      if (slice !== this.slice || !this.#wanted) return;
      if (facts.drawn) this.#put(slice.raster, tile, body);
      else this.#clear("");
      if (!facts.drawn) this.#tiles().forEach((other) => this.asked.set(query(other), sequence));
      this.callbacks.said(facts.sentence);
    } catch (error) {
      if (slice === this.slice) this.callbacks.said(errorMessage(error));
    }
  }

  /** @param {import("../slice/raster.js").Raster} raster @param {Rect} rect @param {Uint8Array} ids */
  #put(raster, rect, ids) {
    const width = rect.x1 - rect.x0;
    raster.preview ??= new Uint8Array(raster.width * raster.height).fill(UNSURE);
    for (let y = rect.y0; y < rect.y1; y += 1) {
      const from = (y - rect.y0) * width;
      raster.preview.set(ids.subarray(from, from + width), y * raster.width + rect.x0);
    }
    this.callbacks.changed(rect);
  }

  /** Tiles in view, the nearest to its middle first. @returns {Rect[]} */
  #tiles() {
    const { width, height } = this.slice.raster;
    const seen = this.callbacks.inView();
    const tiles = [];
    for (let y0 = Math.floor(seen.y0 / TILE) * TILE; y0 < seen.y1; y0 += TILE) {
      for (let x0 = Math.floor(seen.x0 / TILE) * TILE; x0 < seen.x1; x0 += TILE) {
        tiles.push({ x0, y0, x1: Math.min(width, x0 + TILE), y1: Math.min(height, y0 + TILE) });
      }
    }
    const away = ({ x0, y0, x1, y1 }) => Math.hypot(x0 + x1 - seen.x0 - seen.x1, y0 + y1 - seen.y0 - seen.y1);
    return tiles.sort((a, b) => away(a) - away(b));
  }
}

/** @param {Rect} rect */
function query({ x0, y0, x1, y1 }) {
  return `y0=${y0}&x0=${x0}&y1=${y1}&x1=${x1}`;
}
