/** Where the person is: the slice that the page asks for or that was stepped to, on its way until it can be painted on. */

import { OpenSlices } from "./open_slices.js";
import { PendingStep } from "./pending_step.js";
import { errorMessage } from "./transport.js";

/** @typedef {import("./slice.js").Slice} Slice */

/**
 * @typedef {object} Data What the page hands over.
 * @property {string} base address of the slice's routes
 * @property {number} volume
 * @property {number} z
 * @property {[number, number]} shape height and width of the slice
 * @property {string} token
 * @property {number[][]} boxes y0, x0, y1, x1
 * @property {string | null} proposal why this slice, in words
 * @property {number} answered how often this window has saved or skipped something
 * @property {string} height CSS height of the editor
 */

/**
 * @typedef {object} Callbacks
 * @property {() => boolean} atWork whether something is being done that must not be left now
 * @property {() => void} leaving the open slice is about to go: what is being painted must end
 * @property {() => void} left no slice is open for the moment
 * @property {(slice: Slice) => void} opened the mask is there, and can be painted on
 * @property {() => void} recalled the history of the open slice reaches back further
 * @property {(slice: Slice, signal: AbortSignal) => Promise<void>} grey load the grey values
 * @property {(slice: Slice, signal: AbortSignal) => Promise<void>} sharp what is in view is there
 * @property {() => void} boxes other hot boxes on the same slice, or the same ones after a save
 * @property {(kind: "loading" | "error", text: string) => void} cover why there is no picture now
 * @property {(reason: string) => void} reason why the person is led to this slice
 * @property {(z: number) => void} stepped the slice that the page must follow to
 * @property {(state: string, sentence: string) => void} state of what is on its way
 * @property {(sentence: string) => void} refused the server said no to a stroke
 */

export class Navigation {
  /** @param {Callbacks} callbacks */
  constructor(callbacks) {
    this.callbacks = callbacks;
    /** @type {Data | null} */
    this.data = null;
    /** What the page said last: it says nothing new where quick steps lead back to its slice. @type {Data | null} */
    this.page = null;
    this.pendingStep = new PendingStep();
    /** Slices of the volume; 0 until the first is open. */
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

  /** Ends what is being loaded when another slice is opened. */
  get signal() {
    return this.slices.signal;
  }

  /** The page ran. @param {Data} data */
  update(data) {
    this.page = data;
    if (!this.pendingStep.pageIsAt(data.z)) return;
    const before = this.data;
    this.#goTo(data);
    if (before?.base !== data.base) this.open();
    else if (before.answered !== data.answered || JSON.stringify(before.boxes) !== JSON.stringify(data.boxes)) this.callbacks.boxes();
  }

  /** Open a slice of the volume at once and tell the page, which follows; strokes on their way arrive meanwhile. */
  stepTo(z) {
    if (this.callbacks.atWork() || z < 0 || z >= this.depth) return;
    this.pendingStep.stepTo(z);
    const base = this.data.base.replace(/[^/]+$/, String(z));
    this.#goTo(this.page.base === base ? this.page : { ...this.page, base, z, boxes: [], proposal: null });
    this.open();
    this.callbacks.stepped(z);
  }

  /** Open the slice that is wanted, as the server has it now. */
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

  /** Leave for good. @returns {Promise<void>} when everything is stored */
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

  /** The slice is shown as it is stored, if it is the open one. */
  async #refused(sentence, here) {
    if (here) await this.open();
    this.callbacks.refused(here ? `Your last stroke was not kept; you see the slice as it is stored. ${sentence}` : sentence);
  }
}
