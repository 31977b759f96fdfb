/** Loads the grey values of the open slice for the image section; the newest request replaces any other. */

import { loadGrey } from "./progressive_loading.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("./view.js").View} View */
/**
 * @typedef {object} GreySettings The image section of the panel.
 * @property {import("./display_settings.js").Display} display the grey values to load
 * @property {(display: import("./display_settings.js").Display) => void} loaded grey values for this display have arrived
 * @property {(facts: null, histogram: import("./display_settings.js").Histogram) => void} setFacts the histogram has arrived
 */

export class GreyLoader {
  /**
   * @param {View} view @param {GreySettings} settings
   * @param {(error: unknown) => void} failed called if loading fails after the slice is shown
   */
  constructor(view, settings, failed) {
    this.view = view;
    this.settings = settings;
    this.failed = failed;
    this.loading = new AbortController();
    this.wanted = "";
  }

  /** Load the wanted grey values unless they were the last request. @param {Slice} slice @param {AbortSignal} signal */
  renew(slice, signal) {
    if (JSON.stringify(this.settings.display) === this.wanted) return;
    this.load(slice, signal).catch(() => {}); // `failed` has been called
  }

  /**
   * Load the wanted grey values and abort any earlier request.
   * @param {Slice} slice @param {AbortSignal} signal @returns {Promise<void>} resolves when the visible part is loaded in full
   */
  load(slice, signal) {
    this.loading.abort();
    this.loading = new AbortController();
    const own = AbortSignal.any([signal, this.loading.signal]);
    const { display } = this.settings;
    this.wanted = JSON.stringify(display);
    const arrived = (rect) => {
      this.settings.loaded(display);
      this.view.greyChanged(slice.raster, rect);
    };
    return new Promise((seen, failed) => {
      const whole = loadGrey(slice, display, this.view, own, arrived, seen);
      const histogram = slice.histogram(display.channel, own).then((found) => this.settings.setFacts(null, found));
      Promise.all([whole, histogram]).then(seen, (error) => {
        if (own.aborted && !signal.aborted) return seen(); // a newer request took over
        failed(error);
        return own.aborted ? undefined : this.failed(error);
      });
    });
  }
}
