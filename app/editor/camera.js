/**
 * Where the slice lies on the screen, in device pixels. The offset is whole and the scale a multiple of 1/512, so that
 * the edges of tiles fall on pixels: no seam, and the pixel painted is the pixel under the cursor.
 */

export const SMALLEST_ZOOM = 0.02;
export const LARGEST_ZOOM = 64;
const GRAIN = 512;
/** Device pixels of the slice that always stay in view. */
const KEPT_IN_VIEW = 48;

export class Camera {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.viewWidth = 1;
    this.viewHeight = 1;
    this.width = 1;
    this.height = 1;
  }

  /** Size of the view in device pixels; the middle of the picture stays in the middle. */
  setView(width, height) {
    this.x += Math.round((width - this.viewWidth) / 2);
    this.y += Math.round((height - this.viewHeight) / 2);
    this.viewWidth = width;
    this.viewHeight = height;
    this.#hold();
  }

  /** Size of the slice in image pixels. @returns {boolean} whether it is another than before */
  setImage(width, height) {
    const other = width !== this.width || height !== this.height;
    this.width = width;
    this.height = height;
    return other;
  }

  /** Show all of a rectangle of the slice, with a margin. */
  show({ x0, y0, x1, y1 }, margin = 0.03) {
    const room = 1 - 2 * margin;
    this.scale = grained(Math.min((room * this.viewWidth) / (x1 - x0), (room * this.viewHeight) / (y1 - y0)));
    this.x = Math.round(this.viewWidth / 2 - (this.scale * (x0 + x1)) / 2);
    this.y = Math.round(this.viewHeight / 2 - (this.scale * (y0 + y1)) / 2);
  }

  fit() {
    this.show({ x0: 0, y0: 0, x1: this.width, y1: this.height }, 0.015);
  }

  /** Zoom so that the image point under a screen point stays there. */
  zoomAt(screenX, screenY, scale) {
    const [imageX, imageY] = [(screenX - this.x) / this.scale, (screenY - this.y) / this.scale];
    this.scale = grained(scale);
    this.x = Math.round(screenX - imageX * this.scale);
    this.y = Math.round(screenY - imageY * this.scale);
    this.#hold();
  }

  panBy(dx, dy) {
    this.x = Math.round(this.x + dx);
    this.y = Math.round(this.y + dy);
    this.#hold();
  }

  /** @returns {{x: number, y: number}} image pixels */
  toImage(screenX, screenY) {
    return { x: (screenX - this.x) / this.scale, y: (screenY - this.y) / this.scale };
  }

  /** The part of the slice in view. @returns {import("./raster.js").Rect} */
  visible() {
    return {
      x0: Math.max(0, Math.floor(-this.x / this.scale)),
      y0: Math.max(0, Math.floor(-this.y / this.scale)),
      x1: Math.min(this.width, Math.ceil((this.viewWidth - this.x) / this.scale)),
      y1: Math.min(this.height, Math.ceil((this.viewHeight - this.y) / this.scale)),
    };
  }

  #hold() {
    const held = (offset, size, view) => Math.min(view - KEPT_IN_VIEW, Math.max(KEPT_IN_VIEW - size, offset));
    this.x = Math.round(held(this.x, this.width * this.scale, this.viewWidth));
    this.y = Math.round(held(this.y, this.height * this.scale, this.viewHeight));
  }
}

/** The nearest scale that the camera may have. @param {number} scale */
export function grained(scale) {
  return Math.round(Math.min(LARGEST_ZOOM, Math.max(SMALLEST_ZOOM, scale)) * GRAIN) / GRAIN;
}
