/** A coarse map of the model's uncertainty on the open slice: a heat map over the image, and a figure in the status line. */

import { errorMessage } from "../slice/transport.js";
import { heatCanvas } from "./palette.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */

export class UncertaintyMap {
  /**
   * @param {import("./view.js").View} view
   * @param {(problem: string) => void} onChange the map has changed; an error message if it could not be loaded
   */
  constructor(view, onChange) {
    this.view = view;
    this.onChange = onChange;
    this.shown = false;
    /** @type {{width: number, height: number, values: Uint8Array} | null} */
    this.map = null;
  }

  forget() {
    this.map = null;
    this.view.heat = null;
  }

  /** Load the map; a slice without a prediction has none. @param {Slice} slice @param {AbortSignal} signal */
  async load(slice, signal) {
    if (slice.facts.latest === null) {
      if (this.shown) this.#fail("No model yet: paint, save strokes and train a round to see where it is unsure.");
      return;
    }
    try {
      const { facts, body } = await slice.heat(signal);
      if (signal.aborted) return;
      this.map = { width: facts.width, height: facts.height, values: body };
      this.#draw();
    } catch (error) {
      if (!signal.aborted && this.shown) this.#fail(errorMessage(error));
    }
  }

  /** @param {Slice} slice @param {AbortSignal} signal */
  toggle(slice, signal) {
    this.shown = !this.shown;
    this.#draw();
    if (this.shown && this.map === null) this.load(slice, signal);
  }

  #draw() {
    const { map } = this;
    this.view.heat = this.shown && map !== null ? heatCanvas(map.values, map.width, map.height) : null;
    this.view.redraw();
    this.onChange("");
  }

  #fail(problem) {
    this.shown = false;
    this.onChange(problem);
  }
}
