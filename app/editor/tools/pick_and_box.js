/** Tools that paint nothing: the eyedropper, and the box around a region. */

import { NO_CLASS } from "../slice/raster.js";
import { around, Operation } from "./operation.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("./operation.js").Point} Point */

/** Picks the class shown under the cursor; keeps the class where none is shown. */
export class Eyedropper extends Operation {
  /** @param {Raster} raster @param {boolean} scribble see Raster.shown @param {(classId: number) => void} picked */
  constructor(raster, scribble, picked) {
    super(raster);
    this.scribble = scribble;
    this.picked = picked;
    this.lastPicked = NO_CLASS;
  }

  /** @param {Point} point @returns {null} */
  to(point) {
    const at = this.raster.indexAt(point);
    const shown = at === -1 ? NO_CLASS : this.raster.shown(at, this.scribble);
    if (shown === NO_CLASS || shown === this.lastPicked) return null;
    this.lastPicked = shown;
    this.picked(shown);
    return null;
  }
}

/** A drag draws the box, a click removes it. */
export class BoxDrag extends Operation {
  /** @param {Raster} raster @param {Rect | null} before the box so far @param {(box: Rect | null) => void} drawn */
  constructor(raster, before, drawn) {
    super(raster);
    this.before = before;
    this.drawn = drawn;
    /** @type {Rect | null} */
    this.box = null;
  }

  /** @param {Point} point @returns {null} */
  press(point) {
    this.corner = point;
    return null;
  }

  /** @param {Point} point @returns {null} */
  to(point) {
    this.box = boxBetween(this.corner, point, this.raster);
    this.drawn(this.box);
    return null;
  }

  /** @returns {null} */
  release() {
    if (this.box === null) this.drawn(null);
    return null;
  }

  /** @returns {null} */
  cancel() {
    this.drawn(this.before);
    return null;
  }
}

/** Return the box between two points in whole pixels, clipped to the slice; null if it is less than two pixels wide or high. */
function boxBetween(a, b, raster) {
  const box = raster.clip(around([a, b]));
  return box.x1 - box.x0 >= 2 && box.y1 - box.y0 >= 2 ? box : null;
}
