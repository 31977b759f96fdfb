/** The tools, and the operation that a press begins with each of them. */

import { Stroke } from "./brush.js";
import { Fill } from "./fill.js";
import { Lasso } from "./lasso.js";
import { greyRange, paintRuleFor } from "./paint_rule.js";
import { BoxDrag, Eyedropper } from "./pick_and_box.js";
import { SuperpixelStroke } from "./superpixel_brush.js";

/** @typedef {import("./tool_state.js").ToolState} ToolState */
/** @typedef {import("./paint_rule.js").StrokeKind} StrokeKind */
/** @typedef {import("./painter.js").Callbacks} Callbacks */
/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("./operation.js").Point} Point */
/** @typedef {import("./operation.js").Operation} Operation */
/** @typedef {{shiftKey?: boolean, altKey?: boolean}} Modifiers what is held during a press */

const STRAIGHT = ["brush", "eraser", "restore", "range"];
/** Tools that become the eyedropper with Alt, as in other image editors. */
const PICKING = ["brush", "range", "superpixel", "fill"];

/** Whether Shift draws a straight line. @param {ToolState} toolState @param {Modifiers} modifiers */
export function isStraight(toolState, modifiers) {
  return Boolean(modifiers.shiftKey) && STRAIGHT.includes(toolState.tool);
}

/**
 * Return the operation of a press. The right button keeps the tool and erases with it; tools that do not paint become the
 * eraser itself.
 * @param {StrokeKind} kind @param {Point} point @param {ToolState} toolState @param {Modifiers} modifiers
 * @param {{slice: Slice, callbacks: Callbacks, lineStart: Point | null}} around
 * @returns {Operation}
 */
export function operationFor(kind, point, toolState, modifiers, { slice, callbacks, lineStart }) {
  const { raster } = slice;
  const scribble = toolState.mode === "scribble";
  const picks = toolState.tool === "pick" || (Boolean(modifiers.altKey) && PICKING.includes(toolState.tool));
  if (kind === "draw" && picks) return new Eyedropper(raster, scribble, callbacks.picked);
  if (kind === "draw" && toolState.tool === "box") return new BoxDrag(raster, toolState.box ?? null, callbacks.drawn);
  if (toolState.tool === "lasso") return new Lasso(raster, callbacks.path);
  const range = toolState.tool === "range" ? greyRange(raster, point, toolState.tolerance) : null;
  const rule = paintRuleFor(raster, kind, toolState, range);
  if (toolState.tool === "fill") return new Fill(raster, rule, scribble);
  if (toolState.tool === "superpixel") return new SuperpixelStroke(raster, rule, slice.superpixels);
  return new Stroke(raster, rule, toolState.size, isStraight(toolState, modifiers) ? lineStart : null);
}
