/** One use of a tool; it becomes one action at most. */

import { PixelChanges } from "../slice/pixel_changes.js";

/** @typedef {{x: number, y: number}} Point In image pixels; the pixel (0, 0) reaches from 0 to 1. */
/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */

/**
 * Lasts from a press to its release, or to a later one. The methods paint into the raster and return the part that may have
 * changed, null for none.
 */
export class Operation {
  /** @param {Raster} raster */
  constructor(raster) {
    this.raster = raster;
    this.changes = new PixelChanges();
    /** @type {import("../slice/raster.js").PaintRule | null} */
    this.rule = null;
  }

  /** Whether it continues after the button is up. */
  get open() {
    return false;
  }

  /** Handle the press of the button. @param {Point} point @param {any[]} _more @returns {Rect | null} */
  press(point, ..._more) {
    return this.to(point);
  }

  /** Handle a move of the cursor with the button down. @param {Point} _point @returns {Rect | null} */
  to(_point) {
    return null;
  }

  /** Handle the release of the button. @returns {Rect | null} */
  release() {
    return null;
  }

  /** Undo everything since the button went down. @returns {Rect | null} */
  cancel() {
    const { inverse } = this.changes.action();
    this.changes = new PixelChanges();
    return inverse.length === 0 ? null : this.raster.apply(inverse);
  }

  /** @returns {import("../slice/pixel_changes.js").Action | null} null if no pixel changed */
  action() {
    return this.changes.count === 0 ? null : this.changes.action();
  }
}

/** Return the bounding rectangle of points in whole pixels, with a margin. @param {Point[]} points @returns {Rect} */
export function around(points, margin = 0) {
  const rect = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const { x, y } of points) {
    rect.x0 = Math.min(rect.x0, Math.floor(x - margin));
    rect.y0 = Math.min(rect.y0, Math.floor(y - margin));
    rect.x1 = Math.max(rect.x1, Math.ceil(x + margin));
    rect.y1 = Math.max(rect.y1, Math.ceil(y + margin));
  }
  return rect;
}
