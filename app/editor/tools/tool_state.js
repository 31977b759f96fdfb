/** What the hand holds: tool, class, size, and what it may paint over. */

import { UNSURE } from "../slice/raster.js";
import { LARGEST_BRUSH, SMALLEST_BRUSH } from "./brush.js";

/** @typedef {"brush" | "eraser" | "restore" | "range" | "superpixel" | "lasso" | "fill" | "pick" | "box"} Tool */

/** @type {Tool[]} */
export const TOOLS = ["brush", "eraser", "restore", "fill", "lasso", "range", "superpixel", "pick", "box"];
/** Tools that paint a class. @type {Tool[]} */
const PAINTING = ["brush", "fill", "lasso", "range", "superpixel"];
/** Tools with a disc under the cursor. @type {Tool[]} */
const ROUND = ["brush", "eraser", "restore", "range"];

export class ToolState {
  constructor() {
    /** @type {Tool} */
    this.tool = "brush";
    /** @type {Tool} what painted last, and paints again after the eyedropper */
    this.lastPainting = "brush";
    this.classId = 1;
    this.size = 15;
    /** Grey levels on either side of the one under the cursor. */
    this.tolerance = 20;
    /** The only class that is painted over; null for all. @type {number | null} */
    this.lock = null;
    /** @type {"correct" | "scribble"} */
    this.mode = "correct";
    this.background = 0;
    /** How near to a corner counts as on it, in image pixels. */
    this.reach = 4;
    /** The box that was drawn last. @type {import("../slice/raster.js").Rect | null} */
    this.box = null;
  }

  /** @param {Tool} tool */
  chooseTool(tool) {
    this.tool = tool;
    if (PAINTING.includes(tool)) this.lastPainting = tool;
  }

  /** Choose a class; a tool that paints none gives way to the one that painted last. @param {number} id */
  chooseClass(id) {
    this.classId = id;
    if (!this.paintsClass) this.tool = this.lastPainting;
  }

  /** @param {number} size diameter in image pixels */
  resize(size) {
    this.size = Math.min(LARGEST_BRUSH, Math.max(SMALLEST_BRUSH, Math.round(size)));
  }

  /** Paint only over a class, or over everything again. @param {number | null} id */
  toggleLock(id) {
    this.lock = this.lock === null ? id : null;
  }

  /** Keep to classes that there are. @param {{id: number}[]} classes */
  keepTo(classes) {
    const known = (id) => id === UNSURE || classes.some((c) => c.id === id);
    if (!known(this.classId)) this.classId = classes[1].id;
    if (this.lock !== null && !known(this.lock)) this.lock = null;
    this.background = classes[0].id;
  }

  /** Whether the chosen class matters. */
  get paintsClass() {
    return PAINTING.includes(this.tool);
  }

  /** Whether a disc is painted under the cursor. */
  get hasRing() {
    return ROUND.includes(this.tool);
  }
}
