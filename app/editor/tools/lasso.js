/** The lasso: a freehand outline, a polygon of single clicks, or both in turn. */

import { around, Operation } from "./operation.js";
import { paintRuleFor } from "./paint_rule.js";

/** @typedef {import("./tool_state.js").ToolState} ToolState */
/** @typedef {import("./paint_rule.js").StrokeKind} StrokeKind */
/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("./operation.js").Point} Point */

const DEFAULT_REACH = 4;

/**
 * Find the pixels with centres in a closed polygon, row by row, by the nonzero rule: an outline that crosses itself leaves no
 * holes. Centres on the shared edge of two polygons belong to one of them only.
 * @param {Point[]} points @param {{width: number, height: number}} size of the slice, to clip the rows
 * @param {(y: number, x0: number, x1: number) => void} row called with x0 <= x < x1, in order of y and x
 */
export function insidePolygon(points, { width, height }, row) {
  const ends = new Uint32Array(height + 1);
  crossings(points, height, (y) => (ends[y] += 1));
  for (let y = 0, sum = 0; y <= height; y += 1) ends[y] = sum += ends[y];
  const keys = new Uint32Array(ends[height]);
  crossings(points, height, (y, x, down) => {
    const column = Math.min(width, Math.max(0, Math.ceil(x - 0.5)));
    keys[(ends[y] -= 1)] = 2 * column + (down ? 1 : 0);
  });
  for (let y = 0; y < height; y += 1) rowsOf(keys.subarray(ends[y], ends[y + 1]).sort(), (x0, x1) => row(y, x0, x1));
}

/** Find the crossings of all edges with the centre lines of all rows. */
function crossings(points, height, each) {
  let a = points[points.length - 1];
  for (const b of points) {
    const down = a.y < b.y;
    const [upper, lower] = down ? [a, b] : [b, a];
    const last = Math.min(height, Math.ceil(lower.y - 0.5));
    const slope = (lower.x - upper.x) / (lower.y - upper.y);
    for (let y = Math.max(0, Math.ceil(upper.y - 0.5)); y < last; y += 1) {
      each(y, upper.x + (y + 0.5 - upper.y) * slope, down);
    }
    a = b;
  }
}

/** @param {Uint32Array} keys sorted: twice the column, plus 1 where the edge goes down */
function rowsOf(keys, row) {
  let [winding, from] = [0, 0];
  for (const key of keys) {
    const column = key >>> 1;
    if (winding === 0) from = column;
    winding += key % 2 === 1 ? 1 : -1;
    if (winding === 0 && from < column) row(from, column);
  }
}

/**
 * A drag draws an outline, filled on release. Single clicks set corners; a click near the first corner, or `close`, fills the
 * polygon. A drag between clicks adds to the polygon; a click of the other button removes a corner.
 */
export class Lasso extends Operation {
  /** @param {Raster} raster @param {(points: Point[] | null) => void} path called with the current outline */
  constructor(raster, path) {
    super(raster);
    this.path = path;
    /** @type {Point[]} */
    this.corners = [];
    /** The corners before the button went down; null while it is up. @type {Point[] | null} */
    this.before = null;
    /** @type {StrokeKind | null} */
    this.kind = null;
  }

  get open() {
    return this.corners.length > 0;
  }

  /** @param {Point} point @param {StrokeKind} kind @param {ToolState} toolState @returns {null} */
  press(point, kind, toolState) {
    this.kind ??= kind;
    this.reach = toolState.reach ?? DEFAULT_REACH;
    if (kind === this.kind) this.rule = paintRuleFor(this.raster, kind, toolState);
    this.before = [...this.corners];
    this.pressed = point;
    this.dragged = false;
    this.takesBack = kind !== this.kind;
    if (this.takesBack) this.corners.pop();
    else this.corners.push(point);
    this.#show();
    return null;
  }

  /** @param {Point} point @returns {null} */
  to(point) {
    if (this.takesBack) return null;
    this.dragged ||= apart(point, this.pressed) > this.reach / 2;
    if (!this.dragged) return null;
    this.corners.push(point);
    this.#show();
    return null;
  }

  /** @returns {Rect | null} */
  release() {
    const { before, corners } = this;
    this.before = null;
    if (this.takesBack) return null;
    const first = before.length === 0;
    const back = before.length >= 3 && apart(corners[corners.length - 1], corners[0]) <= this.reach;
    if (back && !this.dragged) corners.pop();
    return back || (first && this.dragged) ? this.close() : null;
  }

  /** Fill the outline. @returns {Rect | null} */
  close() {
    const { raster, corners, changes, rule } = this;
    if (corners.length >= 3) insidePolygon(corners, raster, (y, x0, x1) => raster.paintRow(y, x0, x1, rule, changes));
    this.corners = [];
    this.#show();
    return changes.count === 0 ? null : around(corners);
  }

  /** Undo the press, or discard the outline if no button is down. @returns {null} */
  cancel() {
    this.corners = this.before ?? [];
    this.before = null;
    this.#show();
    return null;
  }

  /** Extend the outline to the cursor. @param {Point | null} point */
  hover(point) {
    this.path(point === null ? this.corners : [...this.corners, point]);
  }

  #show() {
    this.path(this.open ? this.corners : null);
  }
}

function apart(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
