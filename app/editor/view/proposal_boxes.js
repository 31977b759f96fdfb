/** The places a person is led to: the hottest boxes of the slice, and the box drawn by hand. */

import { keepRecent } from "../slice/bounded_map.js";

/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {{place: Rect | null, drawn: Rect | null}} Choice */

const MOST_SLICES = 50;

export class Spots {
  constructor() {
    /** @type {Rect[]} hottest first */
    this.hot = [];
    this.chosen = -1;
    /** @type {Rect | null} */
    this.drawn = null;
    /** Whether the person goes on to the next box as soon as the page has said which are left. */
    this.onward = false;
    /** The box they go on from, if they do not leave it for good. @type {Rect | null} */
    this.from = null;
    /** The slice whose boxes these are. */
    this.base = "";
    /** What was chosen on the slices, the longest ago first. @type {Map<string, Choice>} */
    this.kept = new Map();
  }

  /**
   * Other boxes, as y0, x0, y1, x1; what was chosen on their slice is chosen again.
   * @param {number[][]} boxes @param {string} base address of the slice
   * @returns {Rect | null} the one to go on to, for who works from box to box
   */
  set(boxes, base) {
    this.hot = boxes.map(([y0, x0, y1, x1]) => ({ x0, y0, x1, y1 }));
    this.base = base;
    const { place, drawn } = this.kept.get(base) ?? { place: null, drawn: null };
    this.drawn = drawn;
    this.chosen = this.#indexOf(this.onward ? this.from : place);
    const next = this.onward ? this.next() : null;
    this.onward = false;
    this.from = null;
    return next;
  }

  /** A claim is stored: who vouched for a box, or saved strokes where boxes are open, is led on. @param {"strokes" | "region" | "slice"} kind */
  saved(kind) {
    const own = this.drawn !== null; // a box of one's own leads nowhere
    this.leave(!own && kind !== "slice" && (kind === "strokes" || this.chosen !== -1));
  }

  /** Go on from here as soon as the page has said what is left. */
  leave(onward = true) {
    this.onward = onward && this.hot.length > 0;
    this.from = this.place;
    this.clear();
  }

  /** Choose nothing. */
  clear() {
    this.#choose(-1, null);
  }

  /** Go on to the next hot box, after the last to the first. @returns {Rect | null} */
  next() {
    if (this.hot.length === 0) return null;
    this.#choose((this.chosen + 1) % this.hot.length, null);
    return this.place;
  }

  /** @param {Rect | null} rect */
  draw(rect) {
    this.#choose(-1, rect);
  }

  /** The hot box that is chosen. @returns {Rect | null} */
  get place() {
    return this.hot[this.chosen] ?? null;
  }

  /** What a region claim would be about: the drawn box, else the chosen one. @returns {Rect | null} */
  get region() {
    return this.drawn ?? this.place;
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

  #choose(chosen, drawn) {
    this.chosen = chosen;
    this.drawn = drawn;
    if (this.region === null) this.kept.delete(this.base);
    else keepRecent(this.kept, this.base, { place: this.place, drawn }, MOST_SLICES);
  }

  /** @param {Rect | null} place */
  #indexOf(place) {
    const same = (box) => ["x0", "y0", "x1", "y1"].every((side) => box[side] === place[side]);
    return place === null ? -1 : this.hot.findIndex(same);
  }
}
