/**
 * The preview: predictions of a quick first model, updated while the user paints. Tiles in view are requested after every
 * stored stroke, from the centre outwards. They are for display only; adopting them into the mask is a separate step.
 */

import { UNSURE } from "../slice/raster.js";
import { errorMessage } from "../slice/transport.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/**
 * @typedef {object} Callbacks
 * @property {() => boolean} nothingElse whether no prediction is shown for unlabelled pixels
 * @property {() => Rect} inView return the visible part of the slice
 * @property {(rect: Rect) => void} changed part of the slice has changed on the screen
 * @property {(sentence: string) => void} hint say what the preview was made from, or why there is none
 */

const TILE = 512;
/** Most tiles to request: about two seconds' work. */
const MOST_TILES = 12;
/** Time for the view to rest before tiles are requested. */
const REST_MS = 250;

export class Preview {
  /** @param {boolean} on @param {Callbacks} callbacks */
  constructor(on, callbacks) {
    this.on = on;
    this.callbacks = callbacks;
    /** @type {Slice | null} */
    this.slice = null;
    /** Whether it is hidden on this slice: it is in the mask, or would cover pixels to be saved. */
    this.hidden = false;
    /** Whether it scores better than the network, and is shown over the network's prediction. */
    this.ahead = false;
    /** Number of the last action before a tile was requested, by tile. @type {Map<string, number>} */
    this.asked = new Map();
    this.working = false;
    this.timer = 0;
  }

  /** Whether any pixel shows the preview. */
  get drawn() {
    return this.slice !== null && this.slice.raster.preview !== null;
  }

  /** Continue on another slice; null for none. @param {Slice | null} slice */
  follow(slice) {
    clearTimeout(this.timer);
    this.slice = slice;
    this.hidden = false;
    this.ahead = false;
    this.asked.clear();
    this.callbacks.hint("");
    if (slice !== null && this.on) this.#begin(slice);
  }

  /** Turn the preview on or off. @param {boolean} on */
  setOn(on) {
    this.on = on;
    this.hidden = false;
    if (!on) this.#clear("");
    else if (this.slice !== null) this.#begin(this.slice);
  }

  /** Update it after a stored stroke or a change of mode. */
  renew() {
    if (this.#wanted) return this.#work();
    return this.drawn ? this.#clear("") : undefined;
  }

  /** Request missing tiles once the moved view rests. */
  moved() {
    clearTimeout(this.timer);
    if (this.#wanted) this.timer = setTimeout(() => this.#work(), REST_MS);
  }

  /** Hide it on this slice until it is turned on again. @param {string} sentence the reason */
  hide(sentence) {
    this.hidden = true;
    this.#clear(sentence);
  }

  get #wanted() {
    return this.on && this.slice !== null && !this.hidden && (this.ahead || this.callbacks.nothingElse());
  }

  /** Find out whether a preview is wanted here, and prepare the server. @param {Slice} slice */
  async #begin(slice) {
    if (this.#wanted) await this.#prepare(slice);
    else await this.#compare(slice);
    if (slice === this.slice && this.#wanted) this.renew();
  }

  /** Ask whether the network has replaced the first model, and say so. @param {Slice} slice */
  async #compare(slice) {
    try {
      const { facts } = await slice.preview("handover=1");
      if (slice !== this.slice) return;
      this.ahead = facts.ahead;
      this.callbacks.hint(facts.sentence);
    } catch (error) {
      if (slice === this.slice) this.callbacks.hint(errorMessage(error));
    }
  }

  #clear(sentence) {
    this.asked.clear();
    this.callbacks.hint(sentence);
    if (!this.drawn) return;
    const { raster } = this.slice;
    raster.preview = null;
    this.callbacks.changed({ x0: 0, y0: 0, x1: raster.width, y1: raster.height });
  }

  /** Let the server do the work that does not depend on strokes. */
  async #prepare(slice) {
    const [tile] = this.#tiles();
    if (tile !== undefined) await slice.api.get(`preview?${query(tile)}&prepare=1`).catch(() => {});
  }

  /** Request stale tiles one after the other. */
  async #work() {
    if (this.working) return; // the running loop chooses the next tile anew after each one
    this.working = true;
    try {
      for (let tile = this.#next(); tile !== null; tile = this.#next()) await this.#ask(this.slice, tile);
    } finally {
      this.working = false;
    }
  }

  /** Return the tile to request next, null for none. @returns {Rect | null} */
  #next() {
    if (!this.#wanted || this.slice.outbox.unsent) return null;
    const tiles = this.#tiles();
    if (tiles.length > MOST_TILES) {
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
      this.callbacks.hint(facts.sentence);
    } catch (error) {
      if (slice === this.slice) this.callbacks.hint(errorMessage(error));
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

  /** Return the tiles in view, from the centre outwards. @returns {Rect[]} */
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
