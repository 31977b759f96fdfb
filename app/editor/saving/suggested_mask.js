/** What concerns the whole slice at once: masks suggested from other slices. Pure functions. */

import { PixelChanges } from "../slice/pixel_changes.js";
import { UNSURE } from "../slice/raster.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */

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
