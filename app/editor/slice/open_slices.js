/** Which slice is open, and the ones that were left: their last strokes still arrive, and their histories are kept. */

import { Histories } from "./history.js";
import { Slice } from "./slice.js";
import { Api } from "./transport.js";

/** @typedef {{base: string, shape: [number, number], token: string}} SliceSource */
/**
 * @typedef {object} Callbacks
 * @property {() => void} leaving the open slice is about to go: what is being painted must end
 * @property {() => void} left no slice is open for the moment
 * @property {(slice: Slice) => void} opened the mask is there, and can be painted on
 * @property {() => void} recalled the history of the open slice reaches back further
 * @property {(slice: Slice, signal: AbortSignal) => Promise<void>} grey load the grey values
 * @property {(state: string, sentence: string) => void} state of what is on its way
 * @property {(sentence: string, here: boolean) => void} refused the server said no to a stroke, on the open slice or not
 */

export class OpenSlices {
  /** @param {Callbacks} callbacks */
  constructor(callbacks) {
    this.callbacks = callbacks;
    /** @type {Slice | null} */
    this.current = null;
    /** Slices whose last strokes are still on their way. @type {Set<Slice>} */
    this.leaving = new Set();
    this.histories = new Histories();
    this.loading = new AbortController();
  }

  /** Ends what is being loaded when another slice is opened. */
  get signal() {
    return this.loading.signal;
  }

  get unsent() {
    return (this.current?.outbox.unsent ?? false) || this.leaving.size > 0;
  }

  /** Open a slice as the server has it now. @param {() => SliceSource} source read anew for every request: the token may change */
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
      this.histories.keep(slice.api.base, slice.history, slice.state);
      if (slice.outbox.unsent) this.leaving.add(slice);
    }
    this.current = null;
    this.callbacks.left();
  }

  /** Leave for good. @returns {Promise<void>} when everything is stored */
  async close() {
    this.loading.abort();
    this.leave();
    await Promise.all([...this.leaving].map((slice) => slice.outbox.flush()));
  }

  /** @param {Slice} slice */
  #show(slice) {
    slice.history = this.histories.of(slice.api.base, slice.state);
    this.current = slice;
    this.callbacks.opened(slice);
    if (slice.facts.origin === "draft" && !slice.history.known) this.#recall(slice);
  }

  /** Undo of what was painted before the page was loaded; without it the slice can be painted on all the same. */
  async #recall(slice) {
    await slice.recall().catch(() => {});
    if (slice === this.current) this.callbacks.recalled();
  }

  /** Wait for strokes that are still on their way to a slice that was left, so that it comes back with them. */
  async #arrived(base) {
    const same = [...this.leaving].filter((slice) => slice.api.base === base);
    await Promise.all(same.map((slice) => slice.outbox.flush()));
  }

  /** An outbox reports, of this slice or of one that was left. */
  #sent(slice, state, sentence) {
    if (!slice.outbox.unsent) this.leaving.delete(slice);
    const shown = this.leaving.size > 0 ? "retrying" : (this.current?.outbox.state ?? "saved");
    this.callbacks.state(slice === this.current ? state : shown, sentence);
    if (state === "refused") this.callbacks.refused(sentence, slice === this.current);
  }
}
