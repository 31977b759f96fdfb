/** The places a person is led to: the hottest boxes of the slice, and the box drawn by hand. */

/** @typedef {import("./raster.js").Rect} Rect */

export class Spots {
  constructor() {
    /** @type {Rect[]} hottest first */
    this.hot = [];
    this.chosen = -1;
    /** @type {Rect | null} */
    this.drawn = null;
    /** Whether the person works from box to box: the one just saved was chosen, so the next is wanted. */
    this.onward = false;
  }

  /**
   * Other boxes, as y0, x0, y1, x1.
   * @param {number[][]} boxes @returns {Rect | null} the one to go on to, for who works from box to box
   */
  set(boxes) {
    this.hot = boxes.map(([y0, x0, y1, x1]) => ({ x0, y0, x1, y1 }));
    this.clear();
    const next = this.onward ? this.next() : null;
    this.onward = false;
    return next;
  }

  /** A claim is stored. @param {"strokes" | "region" | "slice"} kind */
  saved(kind) {
    this.onward = kind === "region" && this.chosen !== -1;
    this.clear();
  }

  /** Choose nothing. */
  clear() {
    this.chosen = -1;
    this.drawn = null;
  }

  /** Go on to the next hot box, after the last to the first. @returns {Rect | null} */
  next() {
    if (this.hot.length === 0) return null;
    this.chosen = (this.chosen + 1) % this.hot.length;
    this.drawn = null;
    return this.hot[this.chosen];
  }

  /** @param {Rect | null} rect */
  draw(rect) {
    this.chosen = -1;
    this.drawn = rect;
  }

  /** What a region claim would be about: the drawn box, else the chosen one. @returns {Rect | null} */
  get region() {
    return this.drawn ?? this.hot[this.chosen] ?? null;
  }

  /** What the view draws. */
  get boxes() {
    const count = this.hot.length;
    const boxes = this.hot.map((rect, i) => {
      const chosen = i === this.chosen;
      return { rect, kind: chosen ? "chosen" : "hot", text: chosen ? `unsure ${i + 1} of ${count}` : undefined };
    });
    return this.drawn === null ? boxes : [...boxes, { rect: this.drawn, kind: "drawn", text: "region" }];
  }
}
