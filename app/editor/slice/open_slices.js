/** The open slice, and the slices left behind: their last strokes are still sent, and their histories are kept. */

import { Histories } from "./history.js";
import { Slice } from "./slice.js";
import { Api } from "./transport.js";

/** @typedef {{base: string, shape: [number, number], token: string}} SliceSource */
/**
 * @typedef {object} Callbacks
 * @property {() => void} leaving the slice is about to close: end the stroke
 * @property {() => void} left no slice is open
 * @property {(slice: Slice) => void} opened the mask is loaded and can be edited
 * @property {() => void} recalled the history of the open slice has gained earlier steps
 * @property {(slice: Slice, signal: AbortSignal) => Promise<void>} grey load the grey values
 * @property {(state: string, sentence: string) => void} state state of the strokes being sent
 * @property {(sentence: string, here: boolean) => void} refused the server refused a stroke, of the open slice or of another
 */

export class OpenSlices {
  /** @param {Callbacks} callbacks */
  constructor(callbacks) {
    this.callbacks = callbacks;
    /** @type {Slice | null} */
    this.current = null;
    /** Slices with strokes still to be sent. @type {Set<Slice>} */
    this.leaving = new Set();
    this.histories = new Histories();
    this.loading = new AbortController();
  }

  /** Aborts loading as soon as another slice is opened. */
  get signal() {
    return this.loading.signal;
  }

  get unsent() {
    return (this.current?.outbox.unsent ?? false) || this.leaving.size > 0;
  }

  /** Load and open a slice. @param {() => SliceSource} source read for every request, since the token may change */
  async open(source) {
    this.loading.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    this.leave();
    const { base, shape } = source();
    await this.#arrived(base);
    const api = new Api(base, () => source().token);
    const slice = new Slice(api, shape, (state, sentence) => this.#sent(slice, state, sentence));
    const mask = slice.loadMask(signal).then(() => signal.aborted || this.#show(slice));
    await Promise.all([mask, this.callbacks.grey(slice, signal)]);
    return slice;
  }

  leave() {
    const slice = this.current;
    if (slice !== null) {
      this.callbacks.leaving();
      this.histories.keep(slice.api.base, slice.history, slice.version);
      if (slice.outbox.unsent) this.leaving.add(slice);
    }
    this.current = null;
    this.callbacks.left();
  }

  /** Close the slice for good. @returns {Promise<void>} resolves when everything is stored */
  async close() {
    this.loading.abort();
    this.leave();
    await Promise.all([...this.leaving].map((slice) => slice.outbox.flush()));
  }

  /** @param {Slice} slice */
  #show(slice) {
    slice.history = this.histories.of(slice.api.base, slice.version);
    this.current = slice;
    this.callbacks.opened(slice);
    if (slice.facts.origin === "draft" && !slice.history.known) this.#recall(slice);
  }

  /** Fetch earlier undo steps after a reload of the page. Without them, editing works all the same. */
  async #recall(slice) {
    await slice.recall().catch(() => {});
    if (slice === this.current) this.callbacks.recalled();
  }

  /** Wait for strokes still being sent to this slice, so that it is loaded with them. */
  async #arrived(base) {
    const same = [...this.leaving].filter((slice) => slice.api.base === base);
    await Promise.all(same.map((slice) => slice.outbox.flush()));
  }

  /** Report the state of an outbox, of the open slice or of one left behind. */
  #sent(slice, state, sentence) {
    if (!slice.outbox.unsent) this.leaving.delete(slice);
    const shown = this.leaving.size > 0 ? "retrying" : (this.current?.outbox.state ?? "saved");
    this.callbacks.state(slice === this.current ? state : shown, sentence);
    if (state === "refused") this.callbacks.refused(sentence, slice === this.current);
  }
}
