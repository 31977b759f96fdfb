/** The boxes for the user to check: proposed ones, least certain first, and one drawn by hand. */

import { setBounded } from "../slice/bounded_map.js";

/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {{chosenBox: Rect | null, drawn: Rect | null}} Choice */

const MOST_SLICES = 50;

export class ProposalBoxes {
  constructor() {
    /** Least certain first. @type {Rect[]} */
    this.proposed = [];
    this.chosen = -1;
    /** @type {Rect | null} */
    this.drawn = null;
    /** Whether to choose the next box as soon as the page has sent the remaining ones. */
    this.advance = false;
    /** The box to continue from, if it is still there. @type {Rect | null} */
    this.advanceFrom = null;
    /** Address of the slice of these boxes. */
    this.base = "";
    /** The choice on each slice, the oldest first. @type {Map<string, Choice>} */
    this.choices = new Map();
  }

  /**
   * Take new boxes, and restore the choice made on their slice.
   * @param {number[][]} boxes y0, x0, y1, x1 @param {string} base address of the slice
   * @returns {Rect | null} the next box, for a user who works from box to box
   */
  set(boxes, base) {
    this.proposed = boxes.map(([y0, x0, y1, x1]) => ({ x0, y0, x1, y1 }));
    this.base = base;
    const { chosenBox, drawn } = this.choices.get(base) ?? { chosenBox: null, drawn: null };
    this.drawn = drawn;
    this.chosen = this.#indexOf(this.advance ? this.advanceFrom : chosenBox);
    const next = this.advance ? this.next() : null;
    this.advance = false;
    this.advanceFrom = null;
    return next;
  }

  /**
   * Advance after a saved claim on a proposed box, or after saved strokes.
   * @param {"strokes" | "region" | "slice"} kind
   */
  saved(kind) {
    const own = this.drawn !== null; // a hand-drawn box leads to no other
    this.leave(!own && kind !== "slice" && (kind === "strokes" || this.chosen !== -1));
  }

  /** Advance as soon as the page has sent the remaining boxes. */
  leave(advance = true) {
    this.advance = advance && this.proposed.length > 0;
    this.advanceFrom = this.chosenBox;
    this.clear();
  }

  /** Clear the choice. */
  clear() {
    this.#choose(-1, null);
  }

  /** Choose the next proposed box, cyclically. @returns {Rect | null} */
  next() {
    if (this.proposed.length === 0) return null;
    this.#choose((this.chosen + 1) % this.proposed.length, null);
    return this.chosenBox;
  }

  /** @param {Rect | null} rect */
  draw(rect) {
    this.#choose(-1, rect);
  }

  /** The chosen proposed box. @returns {Rect | null} */
  get chosenBox() {
    return this.proposed[this.chosen] ?? null;
  }

  /** The box for a region claim: the drawn box, else the chosen one. @returns {Rect | null} */
  get region() {
    return this.drawn ?? this.chosenBox;
  }

  /** The boxes to draw. */
  get boxes() {
    const count = this.proposed.length;
    const boxes = this.proposed.map((rect, i) => {
      const chosen = i === this.chosen;
      return { rect, kind: chosen ? "chosen" : "proposed", text: chosen ? `unsure ${i + 1} of ${count}` : undefined };
    });
    return this.drawn === null ? boxes : [...boxes, { rect: this.drawn, kind: "drawn", text: "region" }];
  }

  #choose(chosen, drawn) {
    this.chosen = chosen;
    this.drawn = drawn;
    if (this.region === null) this.choices.delete(this.base);
    else setBounded(this.choices, this.base, { chosenBox: this.chosenBox, drawn }, MOST_SLICES);
  }

  /** @param {Rect | null} chosenBox */
  #indexOf(chosenBox) {
    const same = (box) => ["x0", "y0", "x1", "y1"].every((side) => box[side] === chosenBox[side]);
    return chosenBox === null ? -1 : this.proposed.findIndex(same);
  }
}
