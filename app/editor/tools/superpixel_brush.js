/** The superpixel brush: paints every superpixel under the cursor's path. */

import { rowsOf } from "../slice/superpixels.js";
import { sweptDisc } from "./brush.js";
import { Operation } from "./operation.js";

/** @typedef {import("../slice/raster.js").PaintRule} PaintRule */
/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../slice/superpixels.js").Superpixel} Superpixel */
/** @typedef {import("../slice/superpixels.js").Superpixels} Superpixels */
/** @typedef {import("./operation.js").Point} Point */

export class SuperpixelStroke extends Operation {
  /** @param {Raster} raster @param {PaintRule} rule @param {Superpixels} superpixels */
  constructor(raster, rule, superpixels) {
    super(raster);
    this.rule = rule;
    this.superpixels = superpixels;
    /** Pixels on the path with superpixels not loaded yet. @type {Point[]} */
    this.missing = [];
    /** @type {Set<string>} */
    this.painted = new Set();
    /** @type {Point | null} */
    this.last = null;
  }

  /** Paint the loaded superpixels on the way to a point. @param {Point} point @returns {Rect | null} */
  to(point) {
    const end = centre(point);
    const passed = this.missing;
    sweptDisc(this.last ?? end, end, 0.5, (y, x0, x1) => {
      for (let x = x0; x < x1; x += 1) if (this.raster.inside(x, y)) passed.push({ x, y });
    });
    this.last = end;
    this.missing = [];
    return this.#paint(passed, (pixel) => this.superpixels.at(pixel.x, pixel.y));
  }

  /** Return an operation for the missing superpixels, with the same paint rule; null if none is missing. */
  rest() {
    if (this.missing.length === 0) return null;
    const rest = new SuperpixelStroke(this.raster, this.rule, this.superpixels);
    rest.missing = this.missing;
    return rest;
  }

  /** Wait for the missing superpixels. @returns {Promise<() => Rect | null>} paints them; rejected if one could not be loaded */
  async arrival() {
    const passed = this.missing;
    const found = await Promise.all(passed.map(({ x, y }) => this.superpixels.request(x, y)));
    return () => this.#paint(found, (superpixel) => superpixel);
  }

  /** @template T @param {T[]} passed @param {(item: T) => Superpixel | null} find @returns {Rect | null} */
  #paint(passed, find) {
    const rect = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
    for (const item of passed) {
      const superpixel = find(item);
      if (superpixel === null) this.missing.push(item);
      else this.#paintOne(superpixel, rect);
    }
    return rect.x0 < rect.x1 ? rect : null;
  }

  #paintOne(superpixel, rect) {
    const name = `${superpixel.y0}/${superpixel.x0}/${superpixel.id}`;
    if (this.painted.has(name)) return;
    this.painted.add(name);
    for (const { y, x0, x1 } of rowsOf(superpixel)) {
      this.raster.paintRow(y, x0, x1, this.rule, this.changes);
      rect.x0 = Math.min(rect.x0, x0);
      rect.x1 = Math.max(rect.x1, x1);
      rect.y0 = Math.min(rect.y0, y);
      rect.y1 = Math.max(rect.y1, y + 1);
    }
  }
}

function centre({ x, y }) {
  return { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 };
}
