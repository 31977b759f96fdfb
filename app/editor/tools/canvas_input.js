/** The surface that is painted on: gestures of mouse, pen and fingers go to the painter or move the view. */

import { pixelAt } from "../slice/raster.js";
import { Painter } from "./painter.js";
import { PointerGestures } from "./pointer_gestures.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */

/**
 * @typedef {object} Callbacks
 * @property {() => boolean} ready whether the slice may be painted on now
 * @property {() => void} painted an action was stored, or is on its way
 * @property {() => void} unchanged a gesture has ended that changed no pixel
 * @property {(classId: number) => void} picked a class was taken up
 * @property {() => void} boxes another box is drawn
 * @property {() => void} outlining a polygon was begun or ended
 * @property {() => void} moved the cursor is elsewhere
 * @property {() => void} range the grey values that are painted are others
 * @property {(error: unknown) => void} failed something was not painted
 */

export class CanvasInput {
  /**
   * @param {HTMLElement} element what the pointers are over
   * @param {{view: import("../view/view.js").View, toolState: import("./tool_state.js").ToolState, proposalBoxes: import("../view/proposal_boxes.js").ProposalBoxes}} parts
   * @param {Callbacks} callbacks
   */
  constructor(element, { view, toolState, proposalBoxes }, callbacks) {
    this.view = view;
    this.toolState = toolState;
    this.proposalBoxes = proposalBoxes;
    this.callbacks = callbacks;
    /** Where the cursor is. @type {import("./pointer_gestures.js").ClientPoint | null} */
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

  /** Whether a gesture, or something that it began, will still change the slice. */
  get busy() {
    return this.gestures.busy || this.painter.busy;
  }

  /** Where the cursor is, in image pixels; null while it is elsewhere. */
  get point() {
    return this.cursor === null ? null : this.view.toImage(this.cursor);
  }

  /** The class of the pixel under the cursor. @returns {number | null} */
  get classUnderCursor() {
    const raster = this.painter.slice?.raster;
    const pixel = raster === undefined ? null : pixelAt(raster, this.point);
    return pixel === null ? null : raster.mask[pixel[1] * raster.width + pixel[0]];
  }

  #begin(kind, event) {
    if (!this.callbacks.ready()) return;
    this.painter.slice?.clock.input();
    this.painter.begin(kind, this.view.toImage(event), this.#reaching, event);
  }

  /** The hand at the zoom of the view: how near a click must come to a corner, and the box there is. */
  get #reaching() {
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
    this.painter.hover(event && this.view.toImage(event), this.#reaching, event ?? {});
    this.callbacks.moved();
  }
}
