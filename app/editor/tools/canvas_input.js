/** Input on the canvas: gestures of mouse, pen and fingers drive the painter or move the view. */

import { pixelAt } from "../slice/raster.js";
import { Painter } from "./painter.js";
import { PointerGestures } from "./pointer_gestures.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */

/**
 * @typedef {object} Callbacks
 * @property {() => boolean} ready whether the slice may be edited now
 * @property {() => void} painted an action is in the history and on its way to the server
 * @property {() => void} unchanged a gesture has ended without changing a pixel
 * @property {(classId: number) => void} picked the eyedropper has picked a class
 * @property {() => void} boxes the drawn box has changed
 * @property {() => void} outlining a polygon has been started or closed
 * @property {() => void} moved the cursor has moved
 * @property {() => void} range the grey range being painted has changed
 * @property {(error: unknown) => void} failed something could not be painted
 */

export class CanvasInput {
  /**
   * @param {HTMLElement} element the canvas
   * @param {object} parts
   * @param {import("../view/view.js").View} parts.view
   * @param {import("./tool_state.js").ToolState} parts.toolState
   * @param {import("../view/proposal_boxes.js").ProposalBoxes} parts.proposalBoxes
   * @param {Callbacks} callbacks
   */
  constructor(element, { view, toolState, proposalBoxes }, callbacks) {
    this.view = view;
    this.toolState = toolState;
    this.proposalBoxes = proposalBoxes;
    this.callbacks = callbacks;
    /** Position of the cursor on the page. @type {import("./pointer_gestures.js").ClientPoint | null} */
    this.cursor = null;
    this.outlining = false;
    this.painter = new Painter({
      painted: (rect) => view.changed(rect),
      finished: callbacks.painted,
      unchanged: callbacks.unchanged,
      patch: (rows) => view.setPatch(rows),
      drawn: (box) => this.#drawn(box),
      picked: callbacks.picked,
      path: (points) => this.#path(points),
      range: callbacks.range,
      failed: callbacks.failed,
    });
    this.gestures = new PointerGestures(element, {
      begin: (kind, event) => this.#begin(kind, event),
      move: (_kind, event) => this.painter.move(view.toImage(event)),
      end: () => this.painter.end(),
      cancel: () => this.painter.cancel(),
      hover: (event) => this.#hover(event),
      pan: (dx, dy) => view.panBy(dx, dy),
      zoom: (at, factor) => view.zoomAt(at, factor),
      double: () => this.painter.close(),
    });
  }

  /** Whether a gesture, or a polygon or superpixels left by one, will still change the slice. */
  get busy() {
    return this.gestures.busy || this.painter.busy;
  }

  /** Position of the cursor in image pixels; null outside the canvas. */
  get point() {
    return this.cursor === null ? null : this.view.toImage(this.cursor);
  }

  /** Class of the pixel under the cursor. @returns {number | null} */
  get classUnderCursor() {
    const raster = this.painter.slice?.raster;
    const pixel = raster === undefined ? null : pixelAt(raster, this.point);
    return pixel === null ? null : raster.mask[pixel[1] * raster.width + pixel[0]];
  }

  #begin(kind, event) {
    if (!this.callbacks.ready()) return;
    this.painter.slice?.clock.input();
    this.painter.begin(kind, this.view.toImage(event), this.#currentToolState, event);
  }

  /** The tool state, updated with the lasso's reach at this zoom and the drawn box. */
  get #currentToolState() {
    this.toolState.reach = (8 * devicePixelRatio) / this.view.camera.scale;
    this.toolState.box = this.proposalBoxes.drawn;
    return this.toolState;
  }

  #path(points) {
    this.view.setPath(points);
    if (this.outlining === this.painter.outlining) return;
    this.outlining = this.painter.outlining;
    this.callbacks.outlining();
  }

  #drawn(box) {
    this.proposalBoxes.draw(box);
    this.callbacks.boxes();
  }

  #hover(event) {
    this.cursor = event === null ? null : { clientX: event.clientX, clientY: event.clientY };
    if (event !== null) this.painter.slice?.clock.input();
    this.painter.hover(event && this.view.toImage(event), this.#currentToolState, event ?? {});
    this.callbacks.moved();
  }
}
