/** Undo and redo over strokes, saves and slices, and masks suggested from other slices: each one step. */

import { errorMessage } from "../slice/transport.js";
import { suggestionAction } from "./suggested_mask.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("./sync.js").Notice} Notice */

/**
 * @typedef {object} Context
 * @property {() => Slice | null} slice
 * @property {() => boolean} quiet whether neither a gesture nor the server is at work on the slice
 * @property {import("./claims.js").Claims} claims
 * @property {(rect: Rect) => void} painted
 * @property {(text: string, kind?: "note" | "problem") => void} say
 * @property {(notice: Notice | null) => void} offer
 * @property {() => void} done
 */

export class UndoSteps {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** The slice saved last, to which undo leads back. @type {{base: string, z: number} | null} */
    this.lastSaved = null;
    /** The steps asked for so far; each waits for the one before, which may be at the server. @type {Promise<void>} */
    this.queue = Promise.resolve();
  }

  /** @param {"undo" | "redo"} which */
  step(which) {
    const slice = this.context.slice();
    const before = this.queue.catch(() => {});
    this.queue = before.then(() => this.context.claims.pending).then(() => this.#step(slice, which));
    return this.queue;
  }

  async #step(slice, which) {
    if (slice === null || slice !== this.context.slice() || !this.context.quiet()) return;
    const step = slice.history[which]();
    if (step === null) {
      if (which === "undo") this.#leadBack(slice);
    } else if (step.kind === "strokes") {
      this.context.painted(slice.paint(which === "undo" ? step.inverse : step.forward));
    } else if (!(await this.context.claims[which](step))) {
      slice.history[which === "undo" ? "redo" : "undo"](); // it was not done, so it stays where it was
    }
    this.context.done();
  }

  /** Nothing is left to undo here; the last save may have been on the slice before. */
  #leadBack(slice) {
    const back = this.lastSaved;
    if (back === null || back.base === slice.api.base) return;
    const text = `There is nothing to undo on this slice. You saved slice ${back.z} before.`;
    const reachable = volumeOf(back.base) === volumeOf(slice.api.base);
    this.context.offer({ kind: "back", text, ...(reachable && { command: `slice:${back.z}`, label: `Go back to slice ${back.z}` }) });
  }

  /**
   * Put a mask made from other slices under what was painted.
   * @param {string} query @param {AbortSignal} signal
   */
  async suggest(query, signal) {
    const slice = this.context.slice();
    if (slice === null || !this.context.quiet()) return;
    this.context.say("Working …");
    try {
      const { facts, pairs } = await slice.suggestion(query, signal);
      if (slice !== this.context.slice() || !this.context.quiet()) return;
      const from = `slice${facts.from.length > 1 ? "s" : ""} ${facts.from.join(" and ")}`;
      const changed = this.adopt(slice, pairs);
      const next = "Mend it, then save a box or the whole slice; strokes alone do not save it.";
      this.context.say(changed ? `Suggested from ${from}. ${next}` : `The mask is the same as that of ${from}.`);
    } catch (error) {
      if (slice === this.context.slice()) this.context.say(errorMessage(error), "problem");
    }
  }

  /**
   * Put a suggested mask under what was painted, as one step.
   * @param {import("../slice/slice.js").Slice} slice @param {Uint32Array} pairs length and class; 255 suggests nothing
   * @returns {boolean} whether it changes anything
   */
  adopt(slice, pairs) {
    const action = suggestionAction(slice.raster, pairs);
    if (action !== null) {
      this.context.painted(slice.raster.apply(action.forward));
      slice.commit(action);
    }
    this.context.done();
    return action !== null;
  }
}

/** The part of a slice's address that names the volume. @param {string} base */
const volumeOf = (base) => base.replace(/[^/]+$/, "");
