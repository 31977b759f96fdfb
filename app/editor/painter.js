/** What the hand does on the slice: strokes of the brush and the eraser, and the box drawn around a region. */

import { TOUCHED } from "./raster.js";
import { boxBetween, Stroke } from "./tools.js";

/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {import("./slice.js").Slice} Slice */
/** @typedef {import("./tools.js").Point} Point */
/** @typedef {import("./pointer.js").Gesture} Gesture */

export class Painter {
  /**
   * @param {object} told
   * @param {(rect: Rect) => void} told.painted pixels of a part have changed
   * @param {() => void} told.finished an action was stored, or is on its way
   * @param {(box: Rect | null) => void} told.drawn the box is another
   */
  constructor(told) {
    this.told = told;
    /** @type {Slice | null} */
    this.slice = null;
    /** @type {Stroke | null} */
    this.stroke = null;
    /** @type {Point | null} */
    this.corner = null;
  }

  /** @param {Gesture} kind @param {Point} point @param {number} classId @param {number} size in image pixels */
  begin(kind, point, classId, size) {
    if (kind === "box") {
      this.corner = point;
      return;
    }
    const painted = kind === "erase" ? this.slice.facts.classes[0].id : classId;
    this.stroke = new Stroke(this.slice.raster, painted | TOUCHED, size);
    this.told.painted(this.stroke.to(point));
  }

  /** @param {Point} point */
  move(point) {
    if (this.stroke !== null) this.told.painted(this.stroke.to(point));
    else if (this.corner !== null) {
      const { width, height } = this.slice.raster;
      this.told.drawn(boxBetween(this.corner, point, width, height));
    }
  }

  /** The button is up, or the slice is about to change: what was painted becomes an action. */
  end() {
    const action = this.stroke?.finish() ?? null;
    this.stroke = null;
    this.corner = null;
    if (action === null) return;
    this.slice.commit(action);
    this.told.finished();
  }

  /** Take back what was painted since the button went down. */
  cancel() {
    const action = this.stroke?.finish() ?? null;
    this.stroke = null;
    this.corner = null;
    if (action !== null) this.told.painted(this.slice.raster.apply(action.inverse));
  }

  /** @param {"undo" | "redo"} which */
  step(which) {
    const rect = this.slice?.[which]() ?? null;
    if (rect !== null) this.told.painted(rect);
  }
}
