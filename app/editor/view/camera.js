/**
 * The position of the slice on the screen, in device pixels. The offset is whole and the scale a multiple of 1/512, so that
 * the edges of tiles fall on pixels: tiles show no seam, and a click paints the pixel under the cursor.
 */

/** @typedef {import("../slice/raster.js").Rect} Rect */

const SMALLEST_ZOOM = 0.02;
const LARGEST_ZOOM = 64;
const GRAIN = 512;
/** Device pixels of the slice that stay in view however far it is panned. */
const KEPT_IN_VIEW = 48;
/** Device pixels shown beside the slice when the view is centred near its border. */
const RIM = 24;

export class Camera {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.viewWidth = 1;
    this.viewHeight = 1;
    this.width = 1;
    this.height = 1;
    /** Whether the slice is fitted into the view and has not been moved since. */
    this.fitted = false;
    /** The scale before rounding, so that small turns of the wheel add up. */
    this.exactScale = 1;
    /** The image point under the resting pointer, so that rounding does not move the slice step by step. */
    this.anchor = { screenX: NaN, screenY: NaN, x: 0, y: 0 };
  }

  /** Set the size of the view in device pixels; keep the centre, and fit a fitted slice again. */
  setView(width, height) {
    this.#place(this.x + (width - this.viewWidth) / 2, this.y + (height - this.viewHeight) / 2);
    this.viewWidth = width;
    this.viewHeight = height;
    if (this.fitted) this.fit();
    else this.#keepInView();
  }

  /** Set the size of the slice in image pixels. @returns {boolean} whether it has changed */
  setImage(width, height) {
    const other = width !== this.width || height !== this.height;
    this.width = width;
    this.height = height;
    return other;
  }

  /** Fit a rectangle of the slice into the view, with a margin. @param {Rect} rect */
  show({ x0, y0, x1, y1 }, margin = 0.03) {
    const room = 1 - 2 * margin;
    this.#scaleTo(Math.min((room * this.viewWidth) / (x1 - x0), (room * this.viewHeight) / (y1 - y0)));
    this.centre((x0 + x1) / 2, (y0 + y1) / 2);
  }

  fit() {
    this.show({ x0: 0, y0: 0, x1: this.width, y1: this.height }, 0.015);
    this.fitted = true;
  }

  /** Centre the view on an image point, as far as the slice still fills the view. */
  centre(x, y) {
    this.fitted = false;
    this.#place(
      fillingOffset(this.viewWidth / 2 - this.scale * x, this.width * this.scale, this.viewWidth),
      fillingOffset(this.viewHeight / 2 - this.scale * y, this.height * this.scale, this.viewHeight),
    );
  }

  /** Zoom and keep the image point under a screen point in place. */
  zoomAt(screenX, screenY, scale) {
    if (this.anchor.screenX !== screenX || this.anchor.screenY !== screenY) {
      this.anchor = { screenX, screenY, ...this.toImage(screenX, screenY) };
    }
    const { anchor } = this;
    this.fitted = false;
    this.#scaleTo(scale);
    this.#place(screenX - anchor.x * this.scale, screenY - anchor.y * this.scale);
    this.anchor = anchor;
    this.#keepInView();
  }

  /** Zoom by a factor, however close to 1. */
  zoomBy(screenX, screenY, factor) {
    this.zoomAt(screenX, screenY, this.exactScale * factor);
  }

  panBy(dx, dy) {
    this.fitted = false;
    this.#place(this.x + dx, this.y + dy);
    this.#keepInView();
  }

  /** @returns {{x: number, y: number}} image pixels */
  toImage(screenX, screenY) {
    return { x: (screenX - this.x) / this.scale, y: (screenY - this.y) / this.scale };
  }

  /** Return the visible part of the slice. @returns {Rect} */
  visible() {
    return {
      x0: Math.max(0, Math.floor(-this.x / this.scale)),
      y0: Math.max(0, Math.floor(-this.y / this.scale)),
      x1: Math.min(this.width, Math.ceil((this.viewWidth - this.x) / this.scale)),
      y1: Math.min(this.height, Math.ceil((this.viewHeight - this.y) / this.scale)),
    };
  }

  /** Convert a rectangle of the slice to screen pixels, unrounded. @param {Rect} rect @returns {Rect} */
  toScreen({ x0, y0, x1, y1 }) {
    const { scale, x, y } = this;
    return { x0: x + x0 * scale, y0: y + y0 * scale, x1: x + x1 * scale, y1: y + y1 * scale };
  }

  #scaleTo(scale) {
    this.exactScale = Math.min(LARGEST_ZOOM, Math.max(SMALLEST_ZOOM, scale));
    this.scale = roundedScale(scale);
  }

  #place(x, y) {
    this.x = Math.round(x);
    this.y = Math.round(y);
    this.anchor = { screenX: NaN, screenY: NaN, x: 0, y: 0 };
  }

  #keepInView() {
    const held = (offset, size, view) => Math.min(view - KEPT_IN_VIEW, Math.max(KEPT_IN_VIEW - size, offset));
    const x = Math.round(held(this.x, this.width * this.scale, this.viewWidth));
    const y = Math.round(held(this.y, this.height * this.scale, this.viewHeight));
    if (x !== this.x || y !== this.y) this.#place(x, y);
  }
}

/** Return the offset nearest to the given one that fills the view but for a rim; centre a smaller slice. */
function fillingOffset(offset, size, view) {
  if (size + 2 * RIM <= view) return (view - size) / 2;
  return Math.min(RIM, Math.max(view - RIM - size, offset));
}

/** Round a scale to the nearest permitted one. @param {number} scale */
export function roundedScale(scale) {
  return Math.round(Math.min(LARGEST_ZOOM, Math.max(SMALLEST_ZOOM, scale)) * GRAIN) / GRAIN;
}
