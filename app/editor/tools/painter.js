/** What the hand does on the slice: each gesture becomes one action at most, and a cancelled one leaves no trace. */

import { rowsOf } from "../slice/superpixels.js";
import { Stroke } from "./brush.js";
import { Lasso } from "./lasso.js";
import { SuperpixelStroke } from "./superpixel_brush.js";
import { isStraight, operationFor } from "./tool_operations.js";

/** @typedef {import("./paint_rule.js").ToolState} ToolState */
/** @typedef {import("./paint_rule.js").StrokeKind} StrokeKind */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("./tool_operations.js").Modifiers} Modifiers */
/** @typedef {import("./operation.js").Point} Point */
/** @typedef {import("./operation.js").Operation} Operation */

/**
 * @typedef {object} Callbacks
 * @property {(rect: Rect) => void} painted pixels of a part have changed
 * @property {() => void} finished an action was stored, or is on its way
 * @property {() => void} unchanged a gesture has ended that changed no pixel
 * @property {(rows: import("../slice/superpixels.js").Row[] | null) => void} patch the pixels that a click would paint
 * @property {(box: Rect | null) => void} drawn the box is another
 * @property {(classId: number) => void} picked a class was taken up
 * @property {(points: Point[] | null) => void} path the outline of the lasso, or the straight line that Shift would draw
 * @property {(range: [number, number] | null) => void} range the grey values that are painted now
 * @property {(error: unknown) => void} [failed] superpixels did not come, so that they were not painted
 */

export class Painter {
  /** @param {Callbacks} callbacks */
  constructor(callbacks) {
    this.callbacks = callbacks;
  }

  /** @type {Slice | null} */
  #slice = null;
  /** @type {Operation | null} */
  #operation = null;
  /** Whether the button is down. */
  #pressed = false;
  /** Strokes whose last superpixels are on the way. @type {Set<SuperpixelStroke>} */
  #awaited = new Set();
  /** What is to be painted as soon as no gesture is at work. @type {Map<SuperpixelStroke, () => Rect | null>} */
  #arrived = new Map();
  /** Where the last stroke ended. @type {Point | null} */
  #lineStart = null;
  /** Whether the straight line is shown that Shift would draw. */
  #preview = false;

  get slice() {
    return this.#slice;
  }

  /** Another slice, or none: a stroke is finished on the one that it was painted on, a polygon is given up. */
  set slice(slice) {
    if (slice === this.#slice) return;
    this.end();
    if (this.#operation !== null) this.#takeBack();
    if (this.#awaited.size > 0) {
      this.callbacks.failed?.(new Error("Superpixels that were still on their way were not painted on the slice you left."));
    }
    this.#forget();
    this.#showLine(null);
    this.#slice = slice;
    this.#lineStart = null;
  }

  /** Whether a gesture, an unfinished polygon or superpixels on the way will still change the slice. */
  get busy() {
    return this.#operation !== null || this.#awaited.size > 0;
  }

  /** Whether a polygon is open that Enter would close. */
  get outlining() {
    return this.#operation instanceof Lasso && this.#operation.open;
  }

  /** The button goes down. @param {StrokeKind} kind @param {Point} point @param {ToolState} toolState @param {Modifiers} keys */
  begin(kind, point, toolState, keys = {}) {
    if (this.#slice === null) return;
    this.end();
    if (this.#operation !== null && toolState.tool !== "lasso") this.#takeBack();
    this.#showLine(null);
    const surroundings = { slice: this.#slice, callbacks: this.callbacks, lineStart: this.#lineStart };
    this.#operation ??= operationFor(kind, point, toolState, keys, surroundings);
    this.#pressed = true;
    if (this.#operation.rule?.range) this.callbacks.range(this.#operation.rule.range);
    this.#show(this.#operation.press(point, kind, toolState));
  }

  /** @param {Point} point */
  move(point) {
    if (this.#pressed) this.#show(this.#operation.to(point));
  }

  /** The button is up, or the slice is about to change: what was painted becomes an action. */
  end() {
    if (!this.#pressed) return;
    this.#pressed = false;
    this.#show(this.#operation.release());
    if (!this.#operation.open) this.#finish();
  }

  /** Fill an unfinished polygon. @returns {boolean} whether there was one */
  close() {
    this.end();
    if (!(this.#operation instanceof Lasso)) return false;
    this.#show(this.#operation.close());
    this.#finish();
    return true;
  }

  /** Take back what was done since the button went down; with no button down, give up what waits for more. */
  cancel() {
    if (this.#operation !== null) this.#takeBack();
    else this.#forget();
  }

  /**
   * The cursor moves with no button down: show where a polygon or a straight line would go on.
   * @param {Point | null} point null: it has left @param {ToolState} toolState @param {Modifiers} keys
   */
  hover(point, toolState, keys = {}) {
    if (this.#slice === null || this.#pressed) return;
    if (this.#operation instanceof Lasso) return this.#operation.hover(point);
    this.callbacks.patch(this.#patchAt(point, toolState));
    const line = point !== null && this.#lineStart !== null && isStraight(toolState, keys);
    return this.#showLine(line ? [this.#lineStart, point] : null);
  }

  /** The pixels that a click would paint, where the tool paints patches; those on the way are asked for. */
  #patchAt(point, { tool }) {
    if (point === null || tool !== "superpixel" || this.#slice.raster.indexAt(point) === -1) return null;
    const found = this.#slice.superpixels.at(point.x, point.y);
    return found === null ? null : rowsOf(found);
  }

  /** @param {Point[] | null} points */
  #showLine(points) {
    if (points !== null || this.#preview) this.callbacks.path(points);
    this.#preview = points !== null;
  }

  #takeBack() {
    const operation = this.#operation;
    this.#pressed = false;
    this.#show(operation.cancel());
    if (!operation.open) this.#leave(operation);
  }

  #finish() {
    const operation = this.#operation;
    this.#operation = null;
    this.#store(operation);
    if (operation instanceof Stroke) this.#lineStart = operation.last;
    const rest = operation instanceof SuperpixelStroke ? operation.rest() : null;
    if (rest !== null) this.#wait(rest);
    this.#leave(operation);
  }

  /** @param {Operation} operation */
  #leave(operation) {
    this.#operation = null;
    if (operation.rule?.range) this.callbacks.range(null);
    this.#paintArrived();
  }

  /** @param {Operation} operation */
  #store(operation) {
    const action = operation.action();
    if (action === null) return this.callbacks.unchanged();
    this.#slice.commit(action);
    return this.callbacks.finished();
  }

  /** Superpixels that had not come when the button went up are painted when they come, as an action of their own. */
  async #wait(rest) {
    this.#awaited.add(rest);
    try {
      this.#arrived.set(rest, await rest.arrival());
      if (this.#operation === null) this.#paintArrived();
    } catch (error) {
      if (this.#awaited.delete(rest)) this.callbacks.failed?.(error);
    }
  }

  #paintArrived() {
    for (const [rest, paint] of this.#arrived) {
      this.#arrived.delete(rest);
      if (!this.#awaited.delete(rest)) continue;
      this.#show(paint());
      this.#store(rest);
    }
  }

  #forget() {
    this.#awaited.clear();
    this.#arrived.clear();
  }

  /** @param {Rect | null} rect */
  #show(rect) {
    if (rect === null) return;
    const seen = this.#slice.raster.clip(rect);
    if (seen.x0 < seen.x1 && seen.y0 < seen.y1) this.callbacks.painted(seen);
  }
}
