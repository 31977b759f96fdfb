/** Undo and redo over strokes, saves and slices, and masks suggested from other slices: each one step. */

import { sentenceOf } from "../slice/transport.js";
import { suggested } from "./suggested_mask.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("./sync.js").Notice} Notice */

/**
 * @typedef {object} Desk
 * @property {() => Slice | null} slice
 * @property {() => boolean} quiet whether neither a gesture nor the server is at work on the slice
 * @property {import("./claims.js").Claims} claims
 * @property {(rect: Rect) => void} painted
 * @property {(text: string, kind?: "note" | "problem") => void} say
 * @property {(notice: Notice | null) => void} offer
 * @property {() => void} done
 */

export class Steps {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** The slice saved last, to which undo leads back. @type {{base: string, z: number} | null} */
    this.savedLast = null;
    /** The steps asked for so far; each waits for the one before, which may be at the server. @type {Promise<void>} */
    this.turn = Promise.resolve();
  }

  /** @param {"undo" | "redo"} which */
  step(which) {
    const slice = this.desk.slice();
    const before = this.turn.catch(() => {});
    this.turn = before.then(() => this.desk.claims.working).then(() => this.#step(slice, which));
    return this.turn;
  }

  async #step(slice, which) {
    if (slice === null || slice !== this.desk.slice() || !this.desk.quiet()) return;
    const step = slice.history[which]();
    if (step === null) {
      if (which === "undo") this.#leadBack(slice);
    } else if (step.kind === "strokes") {
      this.desk.painted(slice.paint(which === "undo" ? step.inverse : step.forward));
    } else if (!(await this.desk.claims[which](step))) {
      slice.history[which === "undo" ? "redo" : "undo"](); // it was not done, so it stays where it was
    }
    this.desk.done();
  }

  /** Nothing is left to undo here; the last save may have been on the slice before. */
  #leadBack(slice) {
    const back = this.savedLast;
    if (back === null || back.base === slice.api.base) return;
    const text = `There is nothing to undo on this slice. You saved slice ${back.z} before.`;
    const reachable = volumeOf(back.base) === volumeOf(slice.api.base);
    this.desk.offer({ kind: "back", text, ...(reachable && { command: `slice:${back.z}`, label: `Go back to slice ${back.z}` }) });
  }

  /**
   * Put a mask made from other slices under what was painted.
   * @param {string} query @param {AbortSignal} signal
   */
  async suggest(query, signal) {
    const slice = this.desk.slice();
    if (slice === null || !this.desk.quiet()) return;
    this.desk.say("Working …");
    try {
      const { facts, pairs } = await slice.suggestion(query, signal);
      if (slice !== this.desk.slice() || !this.desk.quiet()) return;
      const from = `slice${facts.from.length > 1 ? "s" : ""} ${facts.from.join(" and ")}`;
      const changed = this.adopt(slice, pairs);
      const next = "Mend it, then save a box or the whole slice; strokes alone do not save it.";
      this.desk.say(changed ? `Suggested from ${from}. ${next}` : `The mask is the same as that of ${from}.`);
    } catch (error) {
      if (slice === this.desk.slice()) this.desk.say(sentenceOf(error), "problem");
    }
  }

  /**
   * Put a suggested mask under what was painted, as one step.
   * @param {import("../slice/slice.js").Slice} slice @param {Uint32Array} pairs length and class; 255 suggests nothing
   * @returns {boolean} whether it changes anything
   */
  adopt(slice, pairs) {
    const action = suggested(slice.raster, pairs);
    if (action !== null) {
      this.desk.painted(slice.raster.apply(action.forward));
      slice.commit(action);
    }
    this.desk.done();
    return action !== null;
  }
}

/** The part of a slice's address that names the volume. @param {string} base */
const volumeOf = (base) => base.replace(/[^/]+$/, "");
