/** The round brush: which pixels a stroke covers. Discs are never antialiased. */

import { around, Operation } from "./operation.js";

/** @typedef {import("../slice/raster.js").PaintRule} PaintRule */
/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("./operation.js").Point} Point */

export const SMALLEST_BRUSH = 1;
export const LARGEST_BRUSH = 200;

/** Return the disc's centre for a cursor position: a pixel centre for odd sizes, a pixel corner for even ones. */
export function snap(point, size) {
  if (size % 2 === 1) return { x: Math.floor(point.x) + 0.5, y: Math.floor(point.y) + 0.5 };
  return { x: Math.round(point.x), y: Math.round(point.y) };
}

/** Return the next brush size, about a fifth larger or smaller. @param {number} size @param {1 | -1} direction */
export function nextSize(size, direction) {
  const step = Math.max(1, Math.round(size / 5));
  return Math.min(LARGEST_BRUSH, Math.max(SMALLEST_BRUSH, size + direction * step));
}

/**
 * Find the pixels with centres within `radius` of the segment a-b, row by row: a disc swept along it.
 * @param {Point} a @param {Point} b @param {number} radius
 * @param {(y: number, x0: number, x1: number) => void} row called with x0 <= x < x1
 */
export function sweptDisc(a, b, radius, row) {
  const top = Math.ceil(Math.min(a.y, b.y) - radius - 0.5);
  const bottom = Math.floor(Math.max(a.y, b.y) + radius - 0.5);
  for (let y = top; y <= bottom; y += 1) {
    const reach = extent(a, b, radius, y + 0.5);
    if (reach === null) continue;
    const x0 = Math.ceil(reach[0] - 0.5 - 1e-9);
    const x1 = Math.floor(reach[1] - 0.5 + 1e-9) + 1;
    if (x0 < x1) row(y, x0, x1);
  }
}

/**
 * Return where the line at height y enters and leaves the swept disc. With the disc's centre at a + t (b - a) and u = y - its
 * y, the left edge is cx(t) - sqrt(r^2 - u^2), convex in t, with its minimum at u = r dx / length or at an end of the range.
 */
function extent(a, b, radius, y) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  let [from, to] = [0, 1];
  if (dy === 0) {
    if (Math.abs(y - a.y) > radius) return null;
  } else {
    const ends = [(y - a.y - radius) / dy, (y - a.y + radius) / dy];
    from = Math.max(0, Math.min(...ends));
    to = Math.min(1, Math.max(...ends));
    if (from > to) return null;
  }
  const steep = dy === 0 ? 0 : (radius * dx * Math.sign(dy)) / Math.hypot(dx, dy);
  const edge = (t, side) => {
    const u = y - a.y - t * dy;
    return a.x + t * dx + side * Math.sqrt(Math.max(0, radius * radius - u * u));
  };
  const inRange = (t) => Math.min(to, Math.max(from, t));
  const stationary = (u) => (dy === 0 ? from : inRange((y - u - a.y) / dy));
  const left = [from, to, stationary(steep)].map((t) => edge(t, -1));
  const right = [from, to, stationary(-steep)].map((t) => edge(t, 1));
  return [Math.min(...left), Math.max(...right)];
}

/** A stroke of the brush, the eraser, Restore or the grey-range brush, from button down to button up. */
export class Stroke extends Operation {
  /**
   * @param {Raster} raster @param {PaintRule} rule @param {number} size diameter in image pixels
   * @param {Point | null} start start of a straight line to the first point; null for none
   */
  constructor(raster, rule, size, start = null) {
    super(raster);
    this.rule = rule;
    this.size = size;
    /** @type {Point | null} where the cursor was last */
    this.last = start;
    this.fresh = true;
  }

  /** Continue to a point. @param {Point} point @returns {Rect | null} */
  to(point) {
    const end = snap(point, this.size);
    const start = snap(this.last ?? point, this.size);
    const still = !this.fresh && start.x === end.x && start.y === end.y;
    this.last = point;
    this.fresh = false;
    if (still) return null;
    sweptDisc(start, end, this.size / 2, (y, x0, x1) => this.raster.paintRow(y, x0, x1, this.rule, this.changes));
    return around([start, end], this.size / 2);
  }
}
