/** The grey values of the open slice, as the image section wants them: the newest wish wins. */

import { loadGrey } from "./progressive_loading.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("./view.js").View} View */
/**
 * @typedef {object} GreySettings What the image section of the panel is set to.
 * @property {import("./display_settings.js").Display} display what to load
 * @property {(display: import("./display_settings.js").Display) => void} loaded grey values for this display have arrived
 * @property {(facts: null, histogram: import("./display_settings.js").Histogram) => void} setFacts the histogram has arrived
 */

export class GreyLoader {
  /** @param {View} view @param {GreySettings} settings @param {(error: unknown) => void} failed they did not come, after the slice was shown */
  constructor(view, settings, failed) {
    this.view = view;
    this.settings = settings;
    this.failed = failed;
    this.loading = new AbortController();
    this.wanted = "";
  }

  /** Load what is wanted now, if that is not what was asked for last. @param {Slice} slice @param {AbortSignal} signal */
  renew(slice, signal) {
    if (JSON.stringify(this.settings.display) !== this.wanted) this.load(slice, signal).catch(() => {}); // `failed` was told
  }

  /**
   * Load what is wanted now, instead of what is on its way.
   * @param {Slice} slice @param {AbortSignal} signal @returns {Promise<void>} when what is in view is sharp
   */
  load(slice, signal) {
    this.loading.abort();
    this.loading = new AbortController();
    const own = AbortSignal.any([signal, this.loading.signal]);
    const { display } = this.settings;
    this.wanted = JSON.stringify(display);
    const arrived = (rect) => {
      this.settings.loaded(display);
      this.view.greyed(slice.raster, rect);
    };
    return new Promise((seen, failed) => {
      const whole = loadGrey(slice, display, this.view, own, arrived, seen);
      const histogram = slice.histogram(display.channel, own).then((found) => this.settings.setFacts(null, found));
      Promise.all([whole, histogram]).then(seen, (error) => {
        if (own.aborted && !signal.aborted) return seen(); // another wish took over
        failed(error);
        return own.aborted ? undefined : this.failed(error);
      });
    });
  }
}
