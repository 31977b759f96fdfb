/**
 * One slice in memory.
 *
 * A pixel's value, as it travels, is `class | touched << 8`; a run is three numbers: start and length in the flattened
 * slice, and value.
 */

import { rawBytes } from "./wire.js";

/** @typedef {import("./pixel_changes.js").Action} Action */
/** @typedef {import("./pixel_changes.js").PixelChanges} PixelChanges */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Rect Half-open, in image pixels. */
/**
 * @typedef {object} PaintRule What is put into pixels, and into which.
 * @property {number | null} value class | touched << 8; null brings the base back, as if never painted
 * @property {((start: number, end: number) => Uint8Array) | null} allows marks with 1 which pixels start <= at < end of a
 *   row take it; null: all do
 * @property {[number, number] | null} [range] the grey values, both included, that `allows` asks for
 */

export const UNSURE = 255;
export const TOUCHED = 256;
/** What a pixel shows that nobody has labelled; no class has this id. */
export const NO_CLASS = 256;
const SAVED = 512;

export class Raster {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** Class ids; 255 is unsure, or unlabelled where nobody painted. */
    this.mask = new Uint8Array(width * height);
    /** 1 where painted since the last save. */
    this.touched = new Uint8Array(width * height);
    /** 1 where a stored label lies; only shown, never sent. */
    this.saved = new Uint8Array(width * height);
    /** Class ids of a quick first model, 255 where it says nothing; only shown, never sent. @type {Uint8Array | null} */
    this.preview = null;
    /** The mask that the strokes began with, and that Restore brings back. */
    this.base = new Uint8Array(width * height);
    /** Grey values, one array per level; level n is 2**n times smaller, see levels.js. */
    this.levels = [{ width, height, grey: new Uint8Array(width * height) }];
    while (Math.max(this.#coarsest().width, this.#coarsest().height) > 256) {
      const [w, h] = [Math.ceil(this.#coarsest().width / 2), Math.ceil(this.#coarsest().height / 2)];
      this.levels.push({ width: w, height: h, grey: new Uint8Array(w * h) });
    }
  }

  /** Whether a slice was loaded already. */
  #loaded = false;

  #coarsest() {
    return this.levels[this.levels.length - 1];
  }

  /** @param {number} x @param {number} y */
  inside(x, y) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  /** The pixel under a point, in the flattened slice; -1 outside. @param {{x: number, y: number}} point */
  indexAt({ x, y }) {
    return this.inside(x, y) ? Math.floor(y) * this.width + Math.floor(x) : -1;
  }

  /** The part of a rectangle that lies in the slice; empty where x0 >= x1 or y0 >= y1. @param {Rect} rect @returns {Rect} */
  clip({ x0, y0, x1, y1 }) {
    return { x0: Math.max(0, x0), y0: Math.max(0, y0), x1: Math.min(this.width, x1), y1: Math.min(this.height, y1) };
  }

  /**
   * What a pixel shows: a class, UNSURE where a person said so, NOTHING where nobody has labelled it.
   * @param {number} at in the flattened slice @param {boolean} scribble predictions are not shown, only labels
   */
  shown(at, scribble) {
    const id = this.mask[at];
    if (!scribble && id !== UNSURE) return id;
    return this.touched[at] === 0 && this.saved[at] === 0 ? NO_CLASS : id;
  }

  /** Whether a pixel shows the preview: nobody has labelled it. @param {number} at in the flattened slice */
  previewed(at) {
    return this.preview !== null && this.preview[at] !== UNSURE && this.touched[at] === 0 && this.saved[at] === 0;
  }

  /**
   * Put ink into pixels x0 <= x < x1 of row y, as far as they lie in the slice, and note what changed.
   * @param {number} y @param {number} x0 @param {number} x1 @param {PaintRule} rule @param {PixelChanges} changes
   */
  paintRow(y, x0, x1, rule, changes) {
    const [from, to] = [Math.max(0, x0), Math.min(this.width, x1)];
    if (y >= 0 && y < this.height && from < to) this.paint(y * this.width + from, y * this.width + to, rule, changes);
  }

  /** The same for pixels start <= at < end of the flattened slice, which must lie in one row of it. */
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
   * Take over the slice as the server has it.
   * @param {Uint32Array} numbers for the whole slice: pairs of length and class | touched << 8 | saved << 9, one after the
   *   other; or, announced by 0, the bytes of one or two rasters: class ids, and touched | saved << 1
   */
  load(numbers) {
    // memory that was never written costs nothing until it is
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

  /** Take over the base, after the mask. @param {Uint32Array} numbers as for `load`; none: the base is the mask */
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

/** The rasters that follow 0 and their count, each filled up to whole numbers. @returns {Uint8Array[]} */
function rastersOf(numbers, pixels) {
  const bytes = rawBytes(numbers.subarray(2));
  const stride = 4 * Math.ceil(pixels / 4);
  return Array.from({ length: numbers[1] }, (_, n) => bytes.subarray(n * stride, n * stride + pixels));
}
