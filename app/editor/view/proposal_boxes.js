/** The places a person is led to: the hottest boxes of the slice, and the box drawn by hand. */

import { setBounded } from "../slice/bounded_map.js";

/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {{chosenBox: Rect | null, drawn: Rect | null}} Choice */

const MOST_SLICES = 50;

export class ProposalBoxes {
  constructor() {
    /** @type {Rect[]} hottest first */
    this.proposed = [];
    this.chosen = -1;
    /** @type {Rect | null} */
    this.drawn = null;
    /** Whether the person goes on to the next box as soon as the page has said which are left. */
    this.advance = false;
    /** The box they go on from, if they do not leave it for good. @type {Rect | null} */
    this.advanceFrom = null;
    /** The slice whose boxes these are. */
    this.base = "";
    /** What was chosen on the slices, the longest ago first. @type {Map<string, Choice>} */
    this.choices = new Map();
  }

  /**
   * Other boxes, as y0, x0, y1, x1; what was chosen on their slice is chosen again.
   * @param {number[][]} boxes @param {string} base address of the slice
   * @returns {Rect | null} the one to go on to, for who works from box to box
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

  /** A claim is stored: who vouched for a box, or saved strokes where boxes are open, is led on. @param {"strokes" | "region" | "slice"} kind */
  saved(kind) {
    const own = this.drawn !== null; // a box of one's own leads nowhere
    this.leave(!own && kind !== "slice" && (kind === "strokes" || this.chosen !== -1));
  }

  /** Go on from here as soon as the page has said what is left. */
  leave(advance = true) {
    this.advance = advance && this.proposed.length > 0;
    this.advanceFrom = this.chosenBox;
    this.clear();
  }

  /** Choose nothing. */
  clear() {
    this.#choose(-1, null);
  }

  /** Go on to the next hot box, after the last to the first. @returns {Rect | null} */
  next() {
    if (this.proposed.length === 0) return null;
    this.#choose((this.chosen + 1) % this.proposed.length, null);
    return this.chosenBox;
  }

  /** @param {Rect | null} rect */
  draw(rect) {
    this.#choose(-1, rect);
  }

  /** The hot box that is chosen. @returns {Rect | null} */
  get chosenBox() {
    return this.proposed[this.chosen] ?? null;
  }

  /** What a region claim would be about: the drawn box, else the chosen one. @returns {Rect | null} */
  get region() {
    return this.drawn ?? this.chosenBox;
  }

  /** What the view draws. */
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
