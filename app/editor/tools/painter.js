/** Applies tools to the slice: each gesture becomes one action at most, and a cancelled one leaves no trace. */

import { rowsOf } from "../slice/superpixels.js";
import { Stroke } from "./brush.js";
import { Lasso } from "./lasso.js";
import { SuperpixelStroke } from "./superpixel_brush.js";
import { isStraight, operationFor } from "./tool_operations.js";

/** @typedef {import("./tool_state.js").ToolState} ToolState */
/** @typedef {import("./paint_rule.js").StrokeKind} StrokeKind */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("./tool_operations.js").Modifiers} Modifiers */
/** @typedef {import("./operation.js").Point} Point */
/** @typedef {import("./operation.js").Operation} Operation */

/**
 * @typedef {object} Callbacks
 * @property {(rect: Rect) => void} painted pixels of this part have changed
 * @property {() => void} finished an action is in the history and on its way to the server
 * @property {() => void} unchanged a gesture has ended without changing a pixel
 * @property {(rows: import("../slice/superpixels.js").Row[] | null) => void} patch the pixels that a click would paint
 * @property {(box: Rect | null) => void} drawn the drawn box has changed
 * @property {(classId: number) => void} picked the eyedropper has picked a class
 * @property {(points: Point[] | null) => void} path the lasso outline, or the straight line offered by Shift
 * @property {(range: [number, number] | null) => void} range the grey values being painted over
 * @property {(error: unknown) => void} [failed] superpixels were not loaded, and so not painted
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
  /** Strokes with superpixels still to be loaded. @type {Set<SuperpixelStroke>} */
  #awaited = new Set();
  /** Loaded superpixels to paint as soon as no gesture is in progress. @type {Map<SuperpixelStroke, () => Rect | null>} */
  #arrived = new Map();
  /** End of the last stroke. @type {Point | null} */
  #lineStart = null;
  /** Whether the straight line offered by Shift is shown. */
  #preview = false;

  get slice() {
    return this.#slice;
  }

  /** Set the slice, or null: finish a stroke on the old slice, discard an unfinished polygon. */
  set slice(slice) {
    if (slice === this.#slice) return;
    this.end();
    if (this.#operation !== null) this.#takeBack();
    if (this.#awaited.size > 0) {
      this.callbacks.failed?.(new Error("Some superpixels had not loaded and were not painted on the slice you left."));
    }
    this.#forget();
    this.#showLine(null);
    this.#slice = slice;
    this.#lineStart = null;
  }

  /** Whether a gesture, an unfinished polygon or missing superpixels will still change the slice. */
  get busy() {
    return this.#operation !== null || this.#awaited.size > 0;
  }

  /** Whether Enter would close a polygon. */
  get outlining() {
    return this.#operation instanceof Lasso && this.#operation.open;
  }

  /** Begin a gesture. @param {StrokeKind} kind @param {Point} point @param {ToolState} toolState @param {Modifiers} keys */
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

  /** End the gesture, and store what was painted as an action. */
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

  /** Undo everything since the button went down; with no button down, discard whatever is unfinished. */
  cancel() {
    if (this.#operation !== null) this.#takeBack();
    else this.#forget();
  }

  /**
   * Follow the cursor while no button is down: show how a polygon or a straight line would continue.
   * @param {Point | null} point null: outside the canvas @param {ToolState} toolState @param {Modifiers} keys
   */
  hover(point, toolState, keys = {}) {
    if (this.#slice === null || this.#pressed) return;
    if (this.#operation instanceof Lasso) return this.#operation.hover(point);
    this.callbacks.patch(this.#patchAt(point, toolState));
    const line = point !== null && this.#lineStart !== null && isStraight(toolState, keys);
    return this.#showLine(line ? [this.#lineStart, point] : null);
  }

  /** Return the superpixel that a click would paint; request it if it is not loaded. */
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

  /** Paint superpixels that load after the release, as an action of their own. */
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
