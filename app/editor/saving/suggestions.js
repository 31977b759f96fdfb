/** Masks suggested from other slices or by the preview. A suggestion fills unlabelled pixels and is not painted itself. */

import { PixelChanges } from "../slice/pixel_changes.js";
import { UNSURE } from "../slice/raster.js";
import { errorMessage } from "../slice/transport.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../slice/slice.js").Slice} Slice */

/**
 * @typedef {object} Context
 * @property {() => Slice | null} slice
 * @property {() => boolean} idle whether neither a gesture nor a request is in progress
 * @property {(rect: Rect) => void} painted
 * @property {(text: string, kind?: "note" | "problem") => void} say
 * @property {() => void} done
 */

export class Suggestions {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
  }

  /**
   * Fetch a mask made from other slices, and put it under the strokes.
   * @param {string} query @param {AbortSignal} signal
   */
  async suggest(query, signal) {
    const slice = this.context.slice();
    if (slice === null || !this.context.idle()) return;
    this.context.say("Working …");
    try {
      const { facts, pairs } = await slice.suggestion(query, signal);
      if (slice !== this.context.slice() || !this.context.idle()) return;
      const from = `slice${facts.from.length > 1 ? "s" : ""} ${facts.from.join(" and ")}`;
      const changed = this.adopt(slice, pairs);
      const next = "Correct it, then save a box or the whole slice; saving strokes leaves it out.";
      this.context.say(changed ? `Suggested from ${from}. ${next}` : `The mask already matches ${from}.`);
    } catch (error) {
      if (slice === this.context.slice()) this.context.say(errorMessage(error), "problem");
    }
  }

  /**
   * Put a suggested mask under the strokes, as one step.
   * @param {Slice} slice @param {Uint32Array} pairs length and class; 255 for no suggestion
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

/**
 * Return a suggested mask as an action on pixels neither painted nor saved; they stay untouched.
 * @param {Raster} raster @param {Uint32Array} pairs length and class; 255 for no suggestion
 * @returns {import("../slice/pixel_changes.js").Action | null} null if nothing would change
 */
export function suggestionAction({ mask, touched, saved }, pairs) {
  const changes = new PixelChanges();
  let at = 0;
  for (let p = 0; p < pairs.length; p += 2) {
    const [end, id] = [at + pairs[p], pairs[p + 1]];
    if (id === UNSURE) {
      at = end;
      continue;
    }
    while (at < end) {
      const before = mask[at];
      const start = at;
      const free = touched[at] === 0 && saved[at] === 0;
      while (at < end && mask[at] === before && (touched[at] === 0 && saved[at] === 0) === free) at += 1;
      if (free && before !== id) changes.add(start, at - start, before, id);
    }
  }
  return changes.count === 0 ? null : changes.action();
}

/** Encode the class ids of a slice as pairs of length and class. @param {Uint8Array} ids @returns {Uint32Array} */
export function toRunLengths(ids) {
  const pairs = [];
  for (let at = 0; at < ids.length; ) {
    const start = at;
    while (at < ids.length && ids[at] === ids[start]) at += 1;
    pairs.push(at - start, ids[start]);
  }
  return Uint32Array.from(pairs);
}
