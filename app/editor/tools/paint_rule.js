/** What the hand puts into pixels, and which pixels take it. */

import { NO_CLASS, TOUCHED, UNSURE } from "../slice/raster.js";

/** @typedef {import("../slice/raster.js").PaintRule} PaintRule */
/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {"draw" | "erase"} StrokeKind */

/**
 * @typedef {object} ToolState
 * @property {"brush" | "eraser" | "restore" | "range" | "superpixel" | "lasso" | "fill" | "pick" | "box"} tool
 * @property {number} classId 255 paints "unsure"
 * @property {number} size of the brush, in image pixels
 * @property {"correct" | "scribble"} mode
 * @property {number} background id of the class that the eraser paints when correcting
 * @property {number | null} lock the only class that is painted over; 255: what is unsure or not labelled
 * @property {number} tolerance of the grey-range brush, in grey levels
 * @property {number} [reach] image pixels that count as the same place for the lasso; about 8 on the screen
 * @property {import("../slice/raster.js").Rect | null} [box] the box that is drawn already
 */

/**
 * Takes the marks of pixels start <= at < end away that do not pass; marks[0] is the pixel at `start`.
 * @typedef {(start: number, end: number, marks: Uint8Array) => void} PixelFilter
 */

/**
 * @param {Raster} raster @param {StrokeKind} kind @param {ToolState} toolState
 * @param {[number, number] | null} range grey values, both included, that take the ink; null: all
 * @returns {PaintRule}
 */
export function paintRuleFor(raster, kind, toolState, range = null) {
  /** @type {PixelFilter[]} */
  const tests = [];
  if (toolState.lock !== null) {
    tests.push(showing(raster, toolState.mode === "scribble", toolState.lock, toolState.lock === UNSURE ? NO_CLASS : toolState.lock));
  }
  if (range !== null) tests.push(within(raster.levels[0].grey, range));
  const marks = new Uint8Array(raster.width);
  const allows = (start, end) => {
    marks.fill(1, 0, end - start);
    for (const test of tests) test(start, end, marks);
    return marks;
  };
  return { value: valueOf(kind, toolState), allows: tests.length === 0 ? null : allows, range };
}

/** @returns {number | null} */
function valueOf(kind, toolState) {
  if (kind === "erase" || toolState.tool === "eraser") return toolState.mode === "scribble" ? null : toolState.background | TOUCHED;
  return toolState.tool === "restore" ? null : toolState.classId | TOUCHED;
}

/**
 * Pixels that show a class, or another one.
 * @param {Raster} raster @param {boolean} scribble see Raster.shown @param {number} id @param {number} other
 * @returns {PixelFilter}
 */
export function showing(raster, scribble, id, other = id) {
  return (start, end, marks) => {
    for (let at = start; at < end; at += 1) {
      const shown = raster.shown(at, scribble);
      if (shown !== id && shown !== other) marks[at - start] = 0;
    }
  };
}

/** @returns {PixelFilter} */
function within(grey, [low, high]) {
  return (start, end, marks) => {
    for (let at = start; at < end; at += 1) {
      if (grey[at] < low || grey[at] > high) marks[at - start] = 0;
    }
  };
}

/**
 * The grey values within a tolerance of the one under a point, or of the nearest pixel where it lies outside.
 * @param {Raster} raster @param {{x: number, y: number}} point @param {number} tolerance
 * @returns {[number, number]} both included, within 0 to 255
 */
export function greyRange(raster, point, tolerance) {
  const x = Math.min(raster.width - 1, Math.max(0, Math.floor(point.x)));
  const y = Math.min(raster.height - 1, Math.max(0, Math.floor(point.y)));
  const grey = raster.levels[0].grey[y * raster.width + x];
  return [Math.max(0, grey - tolerance), Math.min(255, grey + tolerance)];
}
