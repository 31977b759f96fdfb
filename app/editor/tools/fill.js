/** Flood fill: the connected area of one class. */

import { Operation } from "./operation.js";
import { showsClass } from "./paint_rule.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */

/**
 * Find the 4-connected region around a pixel, row by row, each pixel once. Each row of the slice is tested once, and a run of
 * equal pixels is queued as one, to keep large regions cheap in time and memory.
 * @param {{width: number, height: number}} size
 * @param {number} seed a pixel of the flattened slice
 * @param {import("./paint_rule.js").PixelFilter} same which pixels belong to the region; called once for each row
 * @param {(start: number, end: number) => void} run may change the pixels of its run
 */
export function flood({ width, height }, seed, same, run) {
  const open = new Uint8Array(width * height);
  const tested = new Uint8Array(height);
  const waiting = new Stack();
  const look = (from, to) => {
    const row = from - (from % width);
    if (tested[row / width] === 0) {
      tested[row / width] = 1;
      same(row, row + width, open.subarray(row, row + width).fill(1));
    }
    for (let at = from; at < to; at += 1) {
      if (open[at] === 0) continue;
      waiting.push(at);
      while (at < to && open[at] === 1) at += 1;
    }
  };
  look(seed, seed + 1);
  while (waiting.size > 0) {
    const at = waiting.pop();
    if (open[at] === 0) continue;
    const row = at - (at % width);
    let [start, end] = [at, at + 1];
    while (start > row && open[start - 1] === 1) start -= 1;
    while (end < row + width && open[end] === 1) end += 1;
    open.fill(0, start, end);
    run(start, end);
    if (row > 0) look(start - width, end - width);
    if (row + width < width * height) look(start + width, end + width);
  }
}

class Stack {
  constructor() {
    this.items = new Uint32Array(1024);
    this.size = 0;
  }

  push(item) {
    if (this.size === this.items.length) {
      const larger = new Uint32Array(2 * this.size);
      larger.set(this.items);
      this.items = larger;
    }
    this.items[this.size] = item;
    this.size += 1;
  }

  pop() {
    this.size -= 1;
    return this.items[this.size];
  }
}

/** Fills the area of the class under the cursor when the button goes down. */
export class Fill extends Operation {
  /** @param {Raster} raster @param {import("../slice/raster.js").PaintRule} rule @param {boolean} scribble see Raster.shown */
  constructor(raster, rule, scribble) {
    super(raster);
    this.rule = rule;
    this.scribble = scribble;
  }

  /** @param {import("./operation.js").Point} point @returns {Rect | null} */
  press(point) {
    const { raster, scribble, changes } = this;
    const seed = raster.indexAt(point);
    if (seed === -1 || this.rule.allows?.(seed, seed + 1)[0] === 0) return null;
    const rule = { value: this.rule.value, allows: null }; // a class lock allows all of the region, or none
    const wanted = raster.shown(seed, scribble);
    const rect = { x0: raster.width, y0: raster.height, x1: 0, y1: 0 };
    flood(raster, seed, showsClass(raster, scribble, wanted), (start, end) => {
      raster.paint(start, end, rule, changes);
      const y = Math.floor(start / raster.width);
      rect.x0 = Math.min(rect.x0, start - y * raster.width);
      rect.x1 = Math.max(rect.x1, end - y * raster.width);
      rect.y0 = Math.min(rect.y0, y);
      rect.y1 = Math.max(rect.y1, y + 1);
    });
    return rect;
  }
}
