/** The tool in use: its class and size, and what it may paint over. */

import { UNSURE } from "../slice/raster.js";
import { LARGEST_BRUSH, SMALLEST_BRUSH } from "./brush.js";

/** @typedef {"brush" | "eraser" | "restore" | "range" | "superpixel" | "lasso" | "fill" | "pick" | "box"} Tool */

/** @type {Tool[]} */
export const TOOLS = ["brush", "eraser", "restore", "fill", "lasso", "range", "superpixel", "pick", "box"];
/** Tools that paint a class. @type {Tool[]} */
const PAINTING = ["brush", "fill", "lasso", "range", "superpixel"];
/** Tools with a brush outline under the cursor. @type {Tool[]} */
const ROUND = ["brush", "eraser", "restore", "range"];

export class ToolState {
  constructor() {
    /** @type {Tool} */
    this.tool = "brush";
    /** The last tool that painted, used again after the eyedropper. @type {Tool} */
    this.lastPainting = "brush";
    /** 255 paints "unsure". */
    this.classId = 1;
    /** Diameter of the brush in image pixels. */
    this.size = 15;
    /** Grey levels on either side of the one under the cursor, for the grey-range brush. */
    this.tolerance = 20;
    /** The only class to paint over, 255 for unlabelled pixels; null for everything. @type {number | null} */
    this.lock = null;
    /** @type {"correct" | "scribble"} */
    this.mode = "correct";
    /** Id of the class that the eraser paints when correcting. */
    this.background = 0;
    /** Distance within which a click hits a corner of the lasso, in image pixels. */
    this.reach = 4;
    /** The drawn box. @type {import("../slice/raster.js").Rect | null} */
    this.box = null;
  }

  /** @param {Tool} tool */
  chooseTool(tool) {
    this.tool = tool;
    if (PAINTING.includes(tool)) this.lastPainting = tool;
  }

  /** Choose a class; a tool without a class is replaced by the last one that painted. @param {number} id */
  chooseClass(id) {
    this.classId = id;
    if (!this.paintsClass) this.tool = this.lastPainting;
  }

  /** @param {number} size diameter in image pixels */
  resize(size) {
    this.size = Math.min(LARGEST_BRUSH, Math.max(SMALLEST_BRUSH, Math.round(size)));
  }

  /** Lock painting to a class, or unlock it. @param {number | null} id */
  toggleLock(id) {
    this.lock = this.lock === null ? id : null;
  }

  /** Reset a class or lock that does not exist. @param {{id: number}[]} classes */
  keepTo(classes) {
    const known = (id) => id === UNSURE || classes.some((c) => c.id === id);
    if (!known(this.classId)) this.classId = classes[1].id;
    if (this.lock !== null && !known(this.lock)) this.lock = null;
    this.background = classes[0].id;
  }

  /** Whether the tool paints the chosen class. */
  get paintsClass() {
    return PAINTING.includes(this.tool);
  }

  /** Whether a brush outline follows the cursor. */
  get hasRing() {
    return ROUND.includes(this.tool);
  }
}
