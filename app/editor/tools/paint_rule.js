/** The value a tool paints, and the pixels it may paint over. */

import { NO_CLASS, TOUCHED, UNSURE } from "../slice/raster.js";

/** @typedef {import("../slice/raster.js").PaintRule} PaintRule */
/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("./tool_state.js").ToolState} ToolState */
/** @typedef {"draw" | "erase"} StrokeKind */

/**
 * Clears the marks of the pixels start <= at < end that fail a test; marks[0] is the pixel at `start`.
 * @typedef {(start: number, end: number, marks: Uint8Array) => void} PixelFilter
 */

/**
 * Return the paint rule of a stroke.
 * @param {Raster} raster @param {StrokeKind} kind @param {ToolState} toolState
 * @param {[number, number] | null} range grey values to paint over, both included; null: all
 * @returns {PaintRule}
 */
export function paintRuleFor(raster, kind, toolState, range = null) {
  /** @type {PixelFilter[]} */
  const tests = [];
  if (toolState.lock !== null) {
    const { lock, mode } = toolState;
    tests.push(showsClass(raster, mode === "scribble", lock, lock === UNSURE ? NO_CLASS : lock));
  }
  if (range !== null) tests.push(inGreyRange(raster.levels[0].grey, range));
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
  const { tool, mode, classId, background } = toolState;
  if (kind === "erase" || tool === "eraser") return mode === "scribble" ? null : background | TOUCHED;
  return tool === "restore" ? null : classId | TOUCHED;
}

/**
 * Return a filter for pixels that show one of two classes.
 * @param {Raster} raster @param {boolean} scribble see Raster.shown @param {number} id @param {number} other
 * @returns {PixelFilter}
 */
export function showsClass(raster, scribble, id, other = id) {
  return (start, end, marks) => {
    for (let at = start; at < end; at += 1) {
      const shown = raster.shown(at, scribble);
      if (shown !== id && shown !== other) marks[at - start] = 0;
    }
  };
}

/** @returns {PixelFilter} */
function inGreyRange(grey, [low, high]) {
  return (start, end, marks) => {
    for (let at = start; at < end; at += 1) {
      if (grey[at] < low || grey[at] > high) marks[at - start] = 0;
    }
  };
}

/**
 * Return the grey values within a tolerance of the one under a point; outside the slice, use the nearest pixel.
 * @param {Raster} raster @param {{x: number, y: number}} point @param {number} tolerance
 * @returns {[number, number]} both included, within 0 to 255
 */
export function greyRange(raster, point, tolerance) {
  const x = Math.min(raster.width - 1, Math.max(0, Math.floor(point.x)));
  const y = Math.min(raster.height - 1, Math.max(0, Math.floor(point.y)));
  const grey = raster.levels[0].grey[y * raster.width + x];
  return [Math.max(0, grey - tolerance), Math.min(255, grey + tolerance)];
}
