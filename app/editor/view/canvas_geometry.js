/** Where a canvas lies on the page, and how many device pixels it has: from a pointer to a pixel and back. */

/** Where it lies is asked for so often at most: the question can force the page to be laid out. */
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
   * The middle of the device pixel under a pointer: what is painted is what is seen there. Where the edge of an image
   * pixel falls on the middle, the canvas shows the pixel before it.
   * @param {{clientX: number, clientY: number}} at @returns {[number, number]} device pixels
   */
  device({ clientX, clientY }) {
    const { left, top } = this.#place();
    const inside = (at, start) => Math.floor(at * this.ratio + 1e-3) - Math.round(start * this.ratio) + 0.499;
    return [inside(clientX, left), inside(clientY, top)];
  }

  close() {
    this.resizer.disconnect();
  }

  #place() {
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
    // of two rounded sizes, so it is not quite the ratio of the device
    this.ratio = Math.abs(ratio - devicePixelRatio) < 0.01 ? devicePixelRatio : ratio;
    this.box.until = 0;
    this.onResize(width, height);
  }
}
