/**
 * How to display the grey values of a slice: the request to the server, and the part left to the colour table.
 *
 * The server sends 8 bits: an 8-bit slice unchanged, any other through a window. While the user moves a window, the table
 * applies it to the loaded values. On release, exact values are requested, unless the data have 8 bits anyway.
 */

/**
 * @typedef {object} Histogram Counts of the raw values of one channel, from the server.
 * @property {number} channel
 * @property {string} dtype
 * @property {number} low raw value at the left edge
 * @property {number} high raw value at the right edge
 * @property {number[]} counts
 * @property {Record<string, [number, number]>} windows black and white, by the percentage of pixels clipped at either end
 */
/** @typedef {"auto" | "narrow" | "full" | "manual"} Preset */
/**
 * @typedef {object} Display The grey values to load.
 * @property {number} channel
 * @property {number | null} second channel to blend in
 * @property {number} mix percentage of the second channel
 * @property {number | null} low raw value sent as 0; null: percentiles of the slice, or its 8 bits unchanged
 * @property {number | null} high raw value sent as 255
 * @property {number} cut percentage of pixels clipped at either end by the percentiles
 * @property {boolean} smooth
 */

/** Percentage of pixels clipped at either end, by preset. */
const CUTS = { auto: 0.5, narrow: 1, full: 0 };
const ALL_BYTES = [0, 255];

export class DisplaySettings {
  constructor() {
    this.channel = 0;
    /** @type {number | null} */
    this.second = null;
    this.mix = 50;
    this.smooth = false;
    this.gamma = 1;
    this.invert = false;
    /** @type {Preset} */
    this.preset = "auto";
    /** Raw black and white set by the user; applies to the preset "manual" only. @type {[number, number]} */
    this.manual = ALL_BYTES;
    /** @type {Histogram | null} */
    this.histogram = null;
    /**
     * The window in `display`: the last preset, or the released handles.
     * @type {{preset: Preset, manual: [number, number]}}
     */
    this.requested = { preset: "auto", manual: ALL_BYTES };
    /** The display that the loaded values belong to. @type {Display | null} */
    this.loadedFor = null;
  }

  /** Take the histogram of another slice or channel. @param {Histogram} histogram */
  setHistogram(histogram) {
    const other = this.histogram !== null && this.histogram.dtype !== histogram.dtype;
    this.histogram = histogram;
    if (other) this.choose("auto"); // another volume, to which the old window does not apply
  }

  /** @param {number} channel starts with a window of its own */
  setChannel(channel) {
    this.channel = channel;
    if (this.second === channel) this.second = null;
    this.choose("auto");
  }

  /** @param {Exclude<Preset, "manual">} preset */
  choose(preset) {
    this.preset = preset;
    this.applyWindow();
  }

  /** Move the window without a request to the server. @param {[number, number]} window raw black and white */
  move(window) {
    this.preset = "manual";
    this.manual = window;
  }

  /** Request values for the current window. */
  applyWindow() {
    this.requested = { preset: this.preset, manual: this.manual };
  }

  /**
   * Note which display the loaded values belong to.
   * @param {Display} display @returns {boolean} whether the look has changed
   */
  loaded(display) {
    const before = JSON.stringify(this.look);
    this.loadedFor = display;
    return JSON.stringify(this.look) !== before;
  }

  /** Raw black and white; null without a histogram. @returns {[number, number] | null} */
  get window() {
    return this.#windowOf(this.preset, this.manual);
  }

  /** @returns {Display} */
  get display() {
    const { channel, second, mix, smooth, requested } = this;
    const given = requested.preset === "manual" && !this.#tableSuffices(second);
    const [low, high] = given ? requested.manual : [null, null];
    const cut = CUTS[requested.preset] ?? CUTS.auto;
    return { channel, second, mix, low, high, cut: this.#tableSuffices(second) ? CUTS.auto : cut, smooth };
  }

  /**
   * What the colour table does to the loaded values.
   * @returns {Pick<import("./palette.js").Look, "gamma" | "invert" | "low" | "high">}
   */
  get look() {
    const { gamma, invert, window } = this;
    const loaded = this.#loadedWindow(this.loadedFor ?? this.display);
    if (window === null || loaded === null) return { gamma, invert, low: 0, high: 255 };
    const [low, high] = window.map((value) => (255 * (value - loaded[0])) / (loaded[1] - loaded[0]));
    return { gamma, invert, low, high };
  }

  /** Whether the colour table can apply a window without loss. */
  #tableSuffices(second) {
    return this.histogram?.dtype === "uint8" && second === null;
  }

  #windowOf(preset, manual) {
    if (preset === "manual") return manual;
    return this.histogram?.channel === this.channel ? this.histogram.windows[CUTS[preset]] : null;
  }

  /** Return the raw values loaded as 0 and 255. @param {Display} display */
  #loadedWindow({ low, high, second, cut }) {
    if (this.#tableSuffices(second)) return ALL_BYTES;
    if (low !== null && high !== null) return [low, high];
    return this.histogram?.channel === this.channel ? this.histogram.windows[cut] : null;
  }
}
