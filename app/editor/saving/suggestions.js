/** What concerns the whole slice at once: masks suggested from other slices. Pure functions. */

import { PixelChanges } from "../slice/pixel_changes.js";
import { UNSURE } from "../slice/raster.js";
import { errorMessage } from "../slice/transport.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../slice/slice.js").Slice} Slice */

/**
 * @typedef {object} Context
 * @property {() => Slice | null} slice
 * @property {() => boolean} quiet whether neither a gesture nor the server is at work on the slice
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
   * @param {Slice} slice @param {Uint32Array} pairs length and class; 255 suggests nothing
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
 * A suggested mask as an action: it changes what nobody has painted or saved, and counts as not painted itself.
 * @param {Raster} raster @param {Uint32Array} pairs length and class; 255 suggests nothing
 * @returns {import("../slice/pixel_changes.js").Action | null} null where nothing would change
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

/** Class ids of a whole slice as pairs of length and class. @param {Uint8Array} ids @returns {Uint32Array} */
export function toRunLengths(ids) {
  const pairs = [];
  for (let at = 0; at < ids.length; ) {
    const start = at;
    while (at < ids.length && ids[at] === ids[start]) at += 1;
    pairs.push(at - start, ids[start]);
  }
  return Uint32Array.from(pairs);
}
