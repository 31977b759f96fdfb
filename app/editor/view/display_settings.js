/**
 * How the grey values of a slice are to be shown: what the server is asked for, and what the table of colours adds.
 *
 * The server sends 8 bits: a slice of 8 bits as it is, wider ones through a window. While a window is being moved, the
 * table shows it on the values that are here; once it is let go, exact ones are asked for, unless 8 bits hold them all.
 */

/**
 * @typedef {object} Histogram As the server counts it, of the raw values of one channel.
 * @property {number} channel
 * @property {string} dtype
 * @property {number} low raw value at the left edge
 * @property {number} high raw value at the right edge
 * @property {number[]} counts
 * @property {Record<string, [number, number]>} windows black and white, by the per cent of pixels cut off at either end
 */
/** @typedef {"auto" | "narrow" | "full" | "manual"} Preset */
/**
 * @typedef {object} Display What to load.
 * @property {number} channel
 * @property {number | null} second a channel blended in
 * @property {number} mix per cent of it
 * @property {number | null} low raw value sent as 0; null: the slice's own percentiles, or its 8 bits as they are
 * @property {number | null} high raw value sent as 255
 * @property {number} cut per cent of pixels that those percentiles cut off at either end
 * @property {boolean} smooth
 */

/** Per cent of the pixels that a preset cuts off at either end. */
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
    /** Raw black and white as the person set them; only for the preset "manual". @type {[number, number]} */
    this.manual = ALL_BYTES;
    /** @type {Histogram | null} */
    this.histogram = null;
    /**
     * The window in `display`: that of the last preset, or where the handles were let go.
     * @type {{preset: Preset, manual: [number, number]}}
     */
    this.asked = { preset: "auto", manual: ALL_BYTES };
    /** What the values that are here were loaded for. @type {Display | null} */
    this.here = null;
  }

  /** A slice was opened, or another channel chosen. @param {Histogram} histogram */
  setHistogram(histogram) {
    const other = this.histogram !== null && this.histogram.dtype !== histogram.dtype;
    this.histogram = histogram;
    if (other) this.choose("auto"); // of another volume, where the old window means nothing
  }

  /** @param {number} channel another one has its own window */
  setChannel(channel) {
    this.channel = channel;
    if (this.second === channel) this.second = null;
    this.choose("auto");
  }

  /** @param {Exclude<Preset, "manual">} preset */
  choose(preset) {
    this.preset = preset;
    this.settle();
  }

  /** Move the window, without asking the server yet. @param {[number, number]} window raw black and white */
  move(window) {
    this.preset = "manual";
    this.manual = window;
  }

  /** The window stays where it is now. */
  settle() {
    this.asked = { preset: this.preset, manual: this.manual };
  }

  /**
   * The values that are here were loaded for this.
   * @param {Display} display @returns {boolean} whether the look is another now
   */
  loaded(display) {
    const before = JSON.stringify(this.look);
    this.here = display;
    return JSON.stringify(this.look) !== before;
  }

  /** Raw black and white; null while nothing is known of the slice. @returns {[number, number] | null} */
  get window() {
    return this.#windowOf(this.preset, this.manual);
  }

  /** @returns {Display} */
  get display() {
    const { channel, second, mix, smooth, asked } = this;
    const given = asked.preset === "manual" && !this.#byTable(second);
    const [low, high] = given ? asked.manual : [null, null];
    const cut = CUTS[asked.preset] ?? CUTS.auto;
    return { channel, second, mix, low, high, cut: this.#byTable(second) ? CUTS.auto : cut, smooth };
  }

  /**
   * What the table does to the values that are here.
   * @returns {Pick<import("./palette.js").Look, "gamma" | "invert" | "low" | "high">}
   */
  get look() {
    const { gamma, invert, window } = this;
    const here = this.#loadedWindow(this.here ?? this.display);
    if (window === null || here === null) return { gamma, invert, low: 0, high: 255 };
    const [low, high] = window.map((value) => (255 * (value - here[0])) / (here[1] - here[0]));
    return { gamma, invert, low, high };
  }

  /** Whether a window on the values as they are sent loses nothing. */
  #byTable(second) {
    return this.histogram?.dtype === "uint8" && second === null;
  }

  #windowOf(preset, manual) {
    if (preset === "manual") return manual;
    return this.histogram?.channel === this.channel ? this.histogram.windows[CUTS[preset]] : null;
  }

  /** The raw values that are 0 and 255 in what was loaded for a display. @param {Display} display */
  #loadedWindow({ low, high, second, cut }) {
    if (this.#byTable(second)) return ALL_BYTES;
    if (low !== null && high !== null) return [low, high];
    return this.histogram?.channel === this.channel ? this.histogram.windows[cut] : null;
  }
}
