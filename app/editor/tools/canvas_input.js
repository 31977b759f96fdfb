/** The surface that is painted on: gestures of mouse, pen and fingers go to the painter or move the view. */

import { pixelAt } from "../slice/raster.js";
import { Painter } from "./painter.js";
import { Pointers } from "./pointer_gestures.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */

/**
 * @typedef {object} Told
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

export class Surface {
  /**
   * @param {HTMLElement} element what the pointers are over
   * @param {{view: import("../view/view.js").View, hand: import("./tool_state.js").Hand, spots: import("../view/proposal_boxes.js").Spots}} parts
   * @param {Told} told
   */
  constructor(element, { view, hand, spots }, told) {
    this.view = view;
    this.hand = hand;
    this.spots = spots;
    this.told = told;
    /** Where the cursor is. @type {import("./pointer_gestures.js").Place | null} */
    this.cursor = null;
    this.outlining = false;
    this.painter = new Painter({
      painted: (rect) => view.changed(rect),
      finished: told.painted,
      unchanged: told.unchanged,
      patch: (rows) => view.setPatch(rows),
      drawn: (box) => this.#drawn(box),
      picked: told.picked,
      path: (points) => this.#path(points),
      range: told.range,
      failed: told.failed,
    });
    this.pointers = new Pointers(element, {
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
    return this.pointers.busy || this.painter.busy;
  }

  /** Where the cursor is, in image pixels; null while it is elsewhere. */
  get place() {
    return this.cursor === null ? null : this.view.toImage(this.cursor);
  }

  /** The class of the pixel under the cursor. @returns {number | null} */
  get classUnderCursor() {
    const raster = this.painter.slice?.raster;
    const pixel = raster === undefined ? null : pixelAt(raster, this.place);
    return pixel === null ? null : raster.mask[pixel[1] * raster.width + pixel[0]];
  }

  #begin(kind, event) {
    if (!this.told.ready()) return;
    this.painter.slice?.clock.input();
    this.painter.begin(kind, this.view.toImage(event), this.#reaching, event);
  }

  /** The hand at the zoom of the view: how near a click must come to a corner, and the box there is. */
  get #reaching() {
    this.hand.reach = (8 * devicePixelRatio) / this.view.camera.scale;
    this.hand.box = this.spots.drawn;
    return this.hand;
  }

  #path(points) {
    this.view.setPath(points);
    if (this.outlining === this.painter.outlining) return;
    this.outlining = this.painter.outlining;
    this.told.outlining();
  }

  #drawn(box) {
    this.spots.draw(box);
    this.told.boxes();
  }

  #hover(event) {
    this.cursor = event === null ? null : { clientX: event.clientX, clientY: event.clientY };
    if (event !== null) this.painter.slice?.clock.input();
    this.painter.hover(event && this.view.toImage(event), this.#reaching, event ?? {});
    this.told.moved();
  }
}
