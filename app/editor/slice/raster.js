/**
 * One slice in memory.
 *
 * A pixel value in transfer is `class | touched << 8`; a run is three numbers: start and length in the flattened slice,
 * and value.
 */

import { rawBytes } from "./wire.js";

/** @typedef {import("./pixel_changes.js").Action} Action */
/** @typedef {import("./pixel_changes.js").PixelChanges} PixelChanges */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Rect Half-open, in image pixels. */
/**
 * @typedef {object} PaintRule The value to paint, and the pixels to paint it into.
 * @property {number | null} value class | touched << 8; null restores the base, as if never painted
 * @property {((start: number, end: number) => Uint8Array) | null} allows returns 1 for each pixel start <= at < end of a
 *   row that may be painted; null: all of them
 * @property {[number, number] | null} [range] the grey values, both included, required by `allows`
 */

export const UNSURE = 255;
export const TOUCHED = 256;
/** Shown for an unlabelled pixel; no class has this id. */
export const NO_CLASS = 256;
const SAVED = 512;

export class Raster {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** Class ids; 255 is unsure where painted, else unlabelled. */
    this.mask = new Uint8Array(width * height);
    /** 1 where painted since the last save. */
    this.touched = new Uint8Array(width * height);
    /** 1 where a label is stored; for display only. */
    this.saved = new Uint8Array(width * height);
    /** Class ids predicted by the quick first model, 255 for none; for display only. @type {Uint8Array | null} */
    this.preview = null;
    /** The mask below the strokes, restored by Restore. */
    this.base = new Uint8Array(width * height);
    /** Grey values, one array per level; level n is 2**n times smaller, see grey_pyramid.js. */
    this.levels = [{ width, height, grey: new Uint8Array(width * height) }];
    while (Math.max(this.#coarsest().width, this.#coarsest().height) > 256) {
      const [w, h] = [Math.ceil(this.#coarsest().width / 2), Math.ceil(this.#coarsest().height / 2)];
      this.levels.push({ width: w, height: h, grey: new Uint8Array(w * h) });
    }
  }

  /** Whether a slice has been loaded before. */
  #loaded = false;

  #coarsest() {
    return this.levels[this.levels.length - 1];
  }

  /** @param {number} x @param {number} y */
  inside(x, y) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  /** Return the index of the pixel under a point in the flattened slice, -1 outside. @param {{x: number, y: number}} point */
  indexAt({ x, y }) {
    return this.inside(x, y) ? Math.floor(y) * this.width + Math.floor(x) : -1;
  }

  /** Clip a rectangle to the slice; empty where x0 >= x1 or y0 >= y1. @param {Rect} rect @returns {Rect} */
  clip({ x0, y0, x1, y1 }) {
    return { x0: Math.max(0, x0), y0: Math.max(0, y0), x1: Math.min(this.width, x1), y1: Math.min(this.height, y1) };
  }

  /**
   * Return what a pixel shows: a class, UNSURE if labelled so, NO_CLASS if unlabelled.
   * @param {number} at in the flattened slice @param {boolean} scribble show labels only, no predictions
   */
  shown(at, scribble) {
    const id = this.mask[at];
    if (!scribble && id !== UNSURE) return id;
    return this.touched[at] === 0 && this.saved[at] === 0 ? NO_CLASS : id;
  }

  /** Whether a pixel shows the preview, which covers unlabelled pixels only. @param {number} at in the flattened slice */
  previewed(at) {
    return this.preview !== null && this.preview[at] !== UNSURE && this.touched[at] === 0 && this.saved[at] === 0;
  }

  /**
   * Paint pixels x0 <= x < x1 of row y, clipped to the slice, and record the changes.
   * @param {number} y @param {number} x0 @param {number} x1 @param {PaintRule} rule @param {PixelChanges} changes
   */
  paintRow(y, x0, x1, rule, changes) {
    const [from, to] = [Math.max(0, x0), Math.min(this.width, x1)];
    if (y >= 0 && y < this.height && from < to) this.paint(y * this.width + from, y * this.width + to, rule, changes);
  }

  /** Paint pixels start <= at < end of the flattened slice, all in one row, and record the changes. */
  paint(start, end, rule, changes) {
    if (rule.allows === null) return this.#put(start, end, rule, changes);
    const allowed = rule.allows(start, end);
    for (let at = start; at < end; at += 1) {
      if (allowed[at - start] === 0) continue;
      const from = at;
      while (at < end && allowed[at - start] === 1) at += 1;
      this.#put(from, at, rule, changes);
    }
    return undefined;
  }

  #put(start, end, { value }, changes) {
    if (value === null) this.#restore(start, end, changes);
    else this.#fill(start, end, value, changes);
  }

  #fill(start, end, value, changes) {
    const { mask, touched } = this;
    let at = start;
    while (at < end) {
      const [from, id, painted] = [at, mask[at], touched[at]];
      while (at < end && mask[at] === id && touched[at] === painted) at += 1;
      const before = id | (painted << 8);
      if (before !== value) changes.add(from, at - from, before, value);
    }
    mask.fill(value & 255, start, end);
    touched.fill(value >> 8, start, end);
  }

  #restore(start, end, changes) {
    const { mask, touched, base } = this;
    let at = start;
    while (at < end) {
      const [from, id, painted, back] = [at, mask[at], touched[at], base[at]];
      while (at < end && mask[at] === id && touched[at] === painted && base[at] === back) at += 1;
      const before = id | (painted << 8);
      if (before !== back) changes.add(from, at - from, before, back);
    }
    mask.set(base.subarray(start, end), start);
    touched.fill(0, start, end);
  }

  /** Apply an action's runs. @param {Uint32Array} runs @returns {Rect} the part of the slice that changed */
  apply(runs) {
    const rect = { x0: this.width, y0: this.height, x1: 0, y1: 0 };
    for (let r = 0; r < runs.length; r += 3) {
      const [start, end, value] = [runs[r], runs[r] + runs[r + 1], runs[r + 2]];
      this.mask.fill(value & 255, start, end);
      this.touched.fill(value >> 8, start, end);
      const [top, bottom] = [Math.floor(start / this.width), Math.floor((end - 1) / this.width)];
      rect.y0 = Math.min(rect.y0, top);
      rect.y1 = Math.max(rect.y1, bottom + 1);
      rect.x0 = Math.min(rect.x0, top === bottom ? start % this.width : 0);
      rect.x1 = Math.max(rect.x1, top === bottom ? ((end - 1) % this.width) + 1 : this.width);
    }
    return rect;
  }

  /**
   * Load the slice as stored on the server.
   * @param {Uint32Array} numbers for the whole slice: pairs of length and class | touched << 8 | saved << 9 in order; or,
   *   after a leading 0, the bytes of one or two rasters: class ids, and touched | saved << 1
   */
  load(numbers) {
    // memory that was never written costs nothing
    if (this.#loaded) for (const array of [this.mask, this.touched, this.saved]) array.fill(0);
    this.#loaded = true;
    if (numbers[0] === 0) return this.#loadBytes(rastersOf(numbers, this.mask.length));
    let at = 0;
    for (let p = 0; p < numbers.length; p += 2) {
      const [end, value] = [at + numbers[p], numbers[p + 1]];
      if (value & 255) this.mask.fill(value & 255, at, end);
      if (value & TOUCHED) this.touched.fill(1, at, end);
      if (value & SAVED) this.saved.fill(1, at, end);
      at = end;
    }
    return undefined;
  }

  #loadBytes([classes, marks]) {
    this.mask.set(classes);
    for (let at = 0; at < (marks?.length ?? 0); at += 1) {
      this.touched[at] = marks[at] & 1;
      this.saved[at] = marks[at] >> 1;
    }
  }

  /** Load the base, after the mask. @param {Uint32Array} numbers as for `load`; none: the base equals the mask */
  loadBase(numbers) {
    if (numbers.length === 0) return this.base.set(this.mask);
    if (numbers[0] === 0) return this.base.set(rastersOf(numbers, this.base.length)[0]);
    let at = 0;
    for (let p = 0; p < numbers.length; p += 2) {
      this.base.fill(numbers[p + 1], at, at + numbers[p]);
      at += numbers[p];
    }
    return undefined;
  }
}

/**
 * Return the pixel under a point, null outside the slice.
 * @param {Raster} raster @param {{x: number, y: number} | null} point in image pixels @returns {[number, number] | null} x, y
 */
export function pixelAt(raster, point) {
  if (point === null) return null;
  const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
  return raster.inside(x, y) ? [x, y] : null;
}

/** Return the rasters after the leading 0 and their count, each padded to whole numbers. @returns {Uint8Array[]} */
function rastersOf(numbers, pixels) {
  const bytes = rawBytes(numbers.subarray(2));
  const stride = 4 * Math.ceil(pixels / 4);
  return Array.from({ length: numbers[1] }, (_, n) => bytes.subarray(n * stride, n * stride + pixels));
}
