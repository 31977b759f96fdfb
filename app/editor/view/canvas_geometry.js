/** The position and resolution of a canvas on the page, to convert between pointer and device pixels. */

/** Shortest time between two measurements of the position, since each may force a layout of the page. */
const BOX_MS = 100;

export class CanvasGeometry {
  /** @param {HTMLCanvasElement} canvas @param {(width: number, height: number) => void} onResize in device pixels */
  constructor(canvas, onResize) {
    this.canvas = canvas;
    this.onResize = onResize;
    /** Device pixels per CSS pixel. */
    this.ratio = 1;
    this.box = { left: 0, top: 0, until: 0 };
    this.resizer = new ResizeObserver((entries) => this.#resize(entries[0]));
    try {
      this.resizer.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      this.resizer.observe(canvas); // Safari knows CSS pixels only
    }
  }

  /**
   * Return the centre of the device pixel under a pointer, so that a click paints what is shown there. Where the edge of an
   * image pixel falls on this centre, the canvas shows the pixel before it.
   * @param {{clientX: number, clientY: number}} at @returns {[number, number]} device pixels
   */
  toDevice({ clientX, clientY }) {
    const { left, top } = this.#position();
    const inside = (at, start) => Math.floor(at * this.ratio + 1e-3) - Math.round(start * this.ratio) + 0.499;
    return [inside(clientX, left), inside(clientY, top)];
  }

  close() {
    this.resizer.disconnect();
  }

  #position() {
    const now = performance.now();
    if (now > this.box.until) {
      const { left, top } = this.canvas.getBoundingClientRect();
      this.box = { left, top, until: now + BOX_MS };
    }
    return this.box;
  }

  #resize({ contentRect, devicePixelContentBoxSize }) {
    const exact = devicePixelContentBoxSize?.[0];
    const width = exact?.inlineSize ?? Math.round(contentRect.width * devicePixelRatio);
    const height = exact?.blockSize ?? Math.round(contentRect.height * devicePixelRatio);
    if (width < 2 || height < 2) return;
    const ratio = width / contentRect.width;
    // a ratio of two rounded sizes, hence only close to the ratio of the device
    this.ratio = Math.abs(ratio - devicePixelRatio) < 0.01 ? devicePixelRatio : ratio;
    this.box.until = 0;
    this.onResize(width, height);
  }
}
