/** The tools, and the work that a press with each of them begins. */

import { Stroke } from "./brush.js";
import { Fill } from "./fill.js";
import { Lasso } from "./lasso.js";
import { greyRange, inkOf } from "./paint_rule.js";
import { Box, Pick } from "./pick_and_box.js";
import { SuperpixelStroke } from "./superpixel_brush.js";

/** @typedef {import("./paint_rule.js").Hand} Hand */
/** @typedef {import("./paint_rule.js").Stroking} Stroking */
/** @typedef {import("./painter.js").Told} Told */
/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("./operation.js").Point} Point */
/** @typedef {import("./operation.js").Work} Work */
/** @typedef {{shiftKey?: boolean, altKey?: boolean}} Keys what is held during a press */

const STRAIGHT = ["brush", "eraser", "restore", "range"];
/** Tools with which Alt is the eyedropper, as in other programs. */
const PICKING = ["brush", "range", "superpixel", "fill"];

/** Whether Shift draws a straight line. @param {Hand} hand @param {Keys} keys */
export function isStraight(hand, keys) {
  return Boolean(keys.shiftKey) && STRAIGHT.includes(hand.tool);
}

/**
 * The work of a press. The right button keeps the tool and takes the eraser's ink; tools that paint nothing become the
 * eraser itself.
 * @param {Stroking} kind @param {Point} point @param {Hand} hand @param {Keys} keys
 * @param {{slice: Slice, told: Told, lineStart: Point | null}} around
 * @returns {Work}
 */
export function workOf(kind, point, hand, keys, { slice, told, lineStart }) {
  const { raster } = slice;
  const scribble = hand.mode === "scribble";
  const picks = hand.tool === "pick" || (Boolean(keys.altKey) && PICKING.includes(hand.tool));
  if (kind === "draw" && picks) return new Pick(raster, scribble, told.picked);
  if (kind === "draw" && hand.tool === "box") return new Box(raster, hand.box ?? null, told.drawn);
  if (hand.tool === "lasso") return new Lasso(raster, told.path);
  if (hand.tool === "fill") return new Fill(raster, inkOf(raster, kind, hand), scribble);
  if (hand.tool === "superpixel") return new SuperpixelStroke(raster, inkOf(raster, kind, hand), slice.superpixels);
  const range = hand.tool === "range" ? greyRange(raster, point, hand.tolerance) : null;
  return new Stroke(raster, inkOf(raster, kind, hand, range), hand.size, isStraight(hand, keys) ? lineStart : null);
}
