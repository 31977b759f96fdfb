/** Which slice to show: the one that the page asks for, or the one the user stepped to. */

import { OpenSlices } from "./open_slices.js";
import { PendingStep } from "./pending_step.js";
import { errorMessage } from "./transport.js";

/** @typedef {import("./slice.js").Slice} Slice */

/**
 * @typedef {object} Data Input from the page.
 * @property {string} base address of the slice's routes
 * @property {number} volume
 * @property {number} z
 * @property {[number, number]} shape height and width of the slice
 * @property {string} token
 * @property {number[][]} boxes y0, x0, y1, x1
 * @property {string | null} proposal the reason to look at this slice
 * @property {number} answered number of saves and skips in this window
 * @property {string} height CSS height of the editor
 */

/**
 * @typedef {object} Callbacks
 * @property {() => boolean} atWork whether a change in progress forbids leaving the slice
 * @property {() => void} leaving the slice is about to close: end the stroke
 * @property {() => void} left no slice is open
 * @property {(slice: Slice) => void} opened the mask is loaded and can be edited
 * @property {() => void} recalled the history of the open slice has gained earlier steps
 * @property {(slice: Slice, signal: AbortSignal) => Promise<void>} grey load the grey values
 * @property {(slice: Slice, signal: AbortSignal) => Promise<void>} sharp the visible part is loaded in full
 * @property {() => void} boxes the page sent proposal boxes for the open slice
 * @property {(kind: "loading" | "error", text: string) => void} cover show why there is no image
 * @property {(reason: string) => void} reason show the reason to look at this slice
 * @property {(z: number) => void} stepped the slice for the page to follow to
 * @property {(state: string, sentence: string) => void} state state of the strokes being sent
 * @property {(sentence: string) => void} refused the server refused a stroke
 */

export class Navigation {
  /** @param {Callbacks} callbacks */
  constructor(callbacks) {
    this.callbacks = callbacks;
    /** @type {Data | null} */
    this.data = null;
    /** The newest data from the page; reused when quick steps lead back to its slice. @type {Data | null} */
    this.page = null;
    this.pendingStep = new PendingStep();
    /** Number of slices in the volume; 0 until the first slice is open. */
    this.depth = 0;
    this.slices = new OpenSlices({
      leaving: callbacks.leaving,
      left: callbacks.left,
      opened: (slice) => this.#opened(slice),
      recalled: () => callbacks.recalled(),
      grey: callbacks.grey,
      state: callbacks.state,
      refused: (sentence, here) => this.#refused(sentence, here),
    });
  }

  /** The open slice, or null. */
  get slice() {
    return this.slices.current;
  }

  /** Aborts loading as soon as another slice is opened. */
  get signal() {
    return this.slices.signal;
  }

  /** Take data from a new run of the page. @param {Data} data */
  update(data) {
    this.page = data;
    if (!this.pendingStep.pageIsAt(data.z)) return;
    const before = this.data;
    this.#goTo(data);
    if (before?.base !== data.base) this.open();
    else if (before.answered !== data.answered || !equal(before.boxes, data.boxes)) this.callbacks.boxes();
  }

  /** Open another slice of the volume at once, and tell the page to follow. Strokes still being sent arrive meanwhile. */
  stepTo(z) {
    if (this.callbacks.atWork() || z < 0 || z >= this.depth) return;
    this.pendingStep.stepTo(z);
    const base = this.data.base.replace(/[^/]+$/, String(z));
    this.#goTo(this.page.base === base ? this.page : { ...this.page, base, z, boxes: [], proposal: null });
    this.open();
    this.callbacks.stepped(z);
  }

  /** Load the current slice from the server. */
  async open() {
    this.callbacks.cover("loading", `Loading slice ${this.data.z} …`);
    const opening = this.slices.open(() => this.data);
    const { signal } = this.slices;
    try {
      const slice = await opening;
      if (!signal.aborted) await this.callbacks.sharp(slice, signal);
    } catch (error) {
      if (!signal.aborted) this.callbacks.cover("error", errorMessage(error));
    }
  }

  /** Close the slice for good. @returns {Promise<void>} resolves when everything is stored */
  close() {
    return this.slices.close();
  }

  /** @param {Data} data */
  #goTo(data) {
    this.data = data;
    this.callbacks.reason(data.proposal ?? "");
  }

  /** @param {Slice} slice */
  #opened(slice) {
    this.depth = slice.facts.depth;
    this.callbacks.opened(slice);
  }

  /** Reload the open slice after a refused stroke, so that it shows what is stored. */
  async #refused(sentence, here) {
    if (here) await this.open();
    this.callbacks.refused(here ? `Your last stroke was not kept; the slice is shown as it is stored. ${sentence}` : sentence);
  }
}

/** Whether two lists of boxes are equal. @param {number[][]} a @param {number[][]} b */
const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);
