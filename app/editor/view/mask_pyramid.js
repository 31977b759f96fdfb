/**
 * The mask of a slice at coarser resolutions: one key, `state << 8 | class`, for 2 x 2 pixels of the finer level.
 *
 * A label wins over a prediction, so that a line of one pixel is visible at every zoom. Of four predictions one is taken, so
 * that speckle looks no denser than it is. Keys are computed on demand, for the visible part.
 */

import { UNSURE } from "../slice/raster.js";
import { PREVIEWED, STATES } from "./palette.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {{width: number, height: number, keys: Uint16Array, columns: number, stale: Uint8Array}} Level stale: 1 by block */

/** Side of a block of keys computed at once, in pixels of the level. */
const BLOCK = 64;
const COUNTED_ROWS = 16;

export class MaskPyramid {
  /** @param {Raster} raster */
  constructor(raster) {
    this.raster = raster;
    /** The levels requested so far, and all finer ones. @type {Level[]} */
    this.levels = [];
    /** Weight of every key; the label of the largest weight wins. @type {Uint16Array | null} */
    this.weights = null;
    /** 1 for the rows of the slice that may hold labels. */
    this.labelled = new Uint8Array(raster.height);
  }

  /** Mark a changed part of the slice. @param {Rect} rect in image pixels */
  changed(rect) {
    this.levels.forEach(({ columns, stale }, n) => {
      const side = BLOCK << (n + 1);
      for (let row = Math.floor(rect.y0 / side); row * side < rect.y1; row += 1) {
        stale.fill(1, row * columns + Math.floor(rect.x0 / side), row * columns + Math.ceil(rect.x1 / side));
      }
    });
    this.labelled.fill(1, rect.y0, rect.y1);
    const { width, height } = this.raster;
    if (rect.x1 - rect.x0 >= width && rect.y1 - rect.y0 >= height) this.weights = null; // a new slice
  }

  /**
   * Return the keys of a level in row order, valid within a rectangle.
   * @param {number} n 1 or more @param {Rect} rect in pixels of the level @returns {Uint16Array}
   */
  keys(n, rect) {
    if (this.weights === null) this.#lookForLabels();
    while (this.levels.length < n) this.levels.push(this.#empty(this.levels.length + 1));
    this.#update(n, rect);
    return this.levels[n - 1].keys;
  }

  #lookForLabels() {
    const { touched, saved, width } = this.raster;
    for (let y = 0; y < this.labelled.length; y += 1) {
      const [start, end] = [y * width, (y + 1) * width];
      this.labelled[y] = Number(touched.subarray(start, end).includes(1) || saved.subarray(start, end).includes(1));
    }
    this.weights = weightsOf(this.raster, this.labelled);
  }

  /** @returns {Level} */
  #empty(n) {
    const { width, height } = this.raster.levels[n];
    const [columns, rows] = [Math.ceil(width / BLOCK), Math.ceil(height / BLOCK)];
    return { width, height, keys: new Uint16Array(width * height), columns, stale: new Uint8Array(columns * rows).fill(1) };
  }

  /** Compute the stale blocks of a rectangle. @param {number} n @param {Rect} rect */
  #update(n, rect) {
    const { width, height, columns, stale } = this.levels[n - 1];
    for (let row = Math.floor(rect.y0 / BLOCK); row * BLOCK < Math.min(rect.y1, height); row += 1) {
      for (let column = Math.floor(rect.x0 / BLOCK); column * BLOCK < Math.min(rect.x1, width); column += 1) {
        if (stale[row * columns + column] === 0) continue;
        stale[row * columns + column] = 0;
        const [x0, y0] = [column * BLOCK, row * BLOCK];
        const block = { x0, y0, x1: Math.min(width, x0 + BLOCK), y1: Math.min(height, y0 + BLOCK) };
        if (n === 1) this.#halveSlice(block);
        else this.#halve(n, block);
      }
    }
  }

  /** Compute the first level from the pixels; count a last odd row or column twice. @param {Rect} block */
  #halveSlice({ x0, y0, x1, y1 }) {
    const { width, height } = this.raster;
    const { keys, width: columns } = this.levels[0];
    for (let y = y0; y < y1; y += 1) {
      const last = Math.min(2 * y + 1, height - 1);
      const out = y * columns;
      if (this.labelled[2 * y] | this.labelled[last]) this.#halveLabels(2 * y * width, last * width, out, x0, x1);
      else for (let x = x0; x < x1; x += 1) keys[out + x] = this.#predicted(last * width + Math.min(2 * x + 1, width - 1));
    }
  }

  /** Halve two rows with labels. @param {number} upper @param {number} lower indices of their first pixels @param {number} out */
  #halveLabels(upper, lower, out, x0, x1) {
    const { mask, touched, saved, width } = this.raster;
    const { keys } = this.levels[0];
    for (let x = x0; x < x1; x += 1) {
      const [left, right] = [2 * x, Math.min(2 * x + 1, width - 1)];
      const [a, b, c, d] = [upper + left, upper + right, lower + left, lower + right];
      const [stateA, stateB] = [touched[a] | (saved[a] << 1), touched[b] | (saved[b] << 1)];
      const [stateC, stateD] = [touched[c] | (saved[c] << 1), touched[d] | (saved[d] << 1)];
      const bare = (stateA | stateB | stateC | stateD) === 0;
      keys[out + x] = bare
        ? this.#predicted(d)
        : this.#winner((stateA << 8) | mask[a], (stateB << 8) | mask[b], (stateC << 8) | mask[c], (stateD << 8) | mask[d]);
    }
  }

  /** Return the key of an unlabelled pixel. */
  #predicted(at) {
    const { mask, preview } = this.raster;
    return preview === null || preview[at] === UNSURE ? mask[at] : (PREVIEWED << 8) | preview[at];
  }

  /** Compute a level from the finer one. Levels take the last and the first of four in turn, so that nothing shifts. */
  #halve(n, block) {
    const { x0, y0, x1, y1 } = block;
    this.#update(n - 1, { x0: 2 * x0, y0: 2 * y0, x1: 2 * x1, y1: 2 * y1 });
    const { weights } = this;
    const { keys: fine, width, height } = this.levels[n - 2];
    const { keys, width: columns } = this.levels[n - 1];
    for (let y = y0; y < y1; y += 1) {
      const [upper, lower] = [2 * y * width, Math.min(2 * y + 1, height - 1) * width];
      for (let x = x0; x < x1; x += 1) {
        const [left, right] = [2 * x, Math.min(2 * x + 1, width - 1)];
        const [a, b, c, d] = [fine[upper + left], fine[upper + right], fine[lower + left], fine[lower + right]];
        const bare = (weights[a] | weights[b] | weights[c] | weights[d]) === 0;
        keys[y * columns + x] = bare ? (n % 2 === 1 ? d : a) : this.#winner(a, b, c, d);
      }
    }
  }

  #winner(a, b, c, d) {
    if (a === b && c === d && a === c) return a;
    const { weights } = this;
    const [upper, lower] = [weights[b] > weights[a] ? b : a, weights[d] > weights[c] ? d : c];
    return weights[lower] > weights[upper] ? lower : upper;
  }
}

/**
 * Return the weight of every key: painted over saved, class over unsure, unsure over background, and of two classes the one
 * with fewer labelled pixels. Predictions and previews weigh nothing.
 * @param {Raster} raster @param {Uint8Array} rows 1 where there may be labels @returns {Uint16Array} by key
 */
function weightsOf(raster, rows) {
  const counts = labelCounts(raster, rows);
  const rarestLast = [...counts.keys()].filter((id) => id > 0 && id < UNSURE).sort((a, b) => counts[b] - counts[a]);
  const order = [0, UNSURE, ...rarestLast];
  const weights = new Uint16Array(STATES << 8);
  order.forEach((id, place) => {
    for (let state = 1; state < PREVIEWED; state += 1) weights[(state << 8) | id] = 1 + place + (state & 1) * order.length;
  });
  return weights;
}

/** Count labelled pixels by class on a sample of rows, to order the classes. @param {Raster} raster @param {Uint8Array} rows */
function labelCounts({ mask, touched, saved, width }, rows) {
  const counts = new Uint32Array(256);
  for (let y = 0; y < rows.length; y += COUNTED_ROWS) {
    const end = rows[y] === 0 ? 0 : (y + 1) * width;
    for (let at = y * width; at < end; at += 1) if (touched[at] | saved[at]) counts[mask[at]] += 1;
  }
  return counts;
}
