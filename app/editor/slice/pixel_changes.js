/** The pixels changed by one action, and the runs sent for them. */

/**
 * Runs to perform an action, and runs to undo it: start and length in the flattened slice, and `class | touched << 8`.
 * Runs are sorted, never overlap, and change every pixel they cover.
 * @typedef {{forward: Uint32Array, inverse: Uint32Array}} Action
 */

/**
 * Chunks of pixels with their values before and after. An action changes each pixel at most once: a tool paints one value,
 * and pixels of that value do not change.
 */
export class PixelChanges {
  constructor() {
    this.count = 0;
    this.chunks = new Uint32Array(4 * 256);
    this.inOrder = true;
  }

  /** @param {number} start @param {number} length @param {number} before @param {number} after */
  add(start, length, before, after) {
    const { chunks } = this;
    const at = 4 * this.count;
    if (at > 0) {
      const next = chunks[at - 4] + chunks[at - 3];
      if (next === start && chunks[at - 2] === before && chunks[at - 1] === after) {
        chunks[at - 3] += length;
        return;
      }
      if (start < next) this.inOrder = false;
    }
    if (at === chunks.length) this.#grow();
    this.chunks[at] = start;
    this.chunks[at + 1] = length;
    this.chunks[at + 2] = before;
    this.chunks[at + 3] = after;
    this.count += 1;
  }

  #grow() {
    const larger = new Uint32Array(2 * this.chunks.length);
    larger.set(this.chunks);
    this.chunks = larger;
  }

  /** @returns {Action} */
  action() {
    const order = this.#order();
    return { forward: this.#runs(order, 3), inverse: this.#runs(order, 2) };
  }

  /** Return the chunk indices sorted by start. Start and index share one double, for a fast native sort. */
  #order() {
    const keys = new Float64Array(this.count);
    if (this.inOrder) return keys.map((_, i) => i);
    for (let i = 0; i < this.count; i += 1) keys[i] = this.chunks[4 * i] * 2 ** 25 + i;
    keys.sort();
    return keys.map((key) => key % 2 ** 25);
  }

  /** Merge adjacent chunks of one value into runs. @param {Float64Array} order @param {2 | 3} field */
  #runs(order, field) {
    const { chunks } = this;
    const runs = new Uint32Array(3 * order.length);
    let used = 0;
    for (let n = 0; n < order.length; n += 1) {
      const at = 4 * order[n];
      const [start, length, value] = [chunks[at], chunks[at + 1], chunks[at + field]];
      if (used > 0 && runs[used - 1] === value && runs[used - 3] + runs[used - 2] === start) {
        runs[used - 2] += length;
        continue;
      }
      runs[used] = start;
      runs[used + 1] = length;
      runs[used + 2] = value;
      used += 3;
    }
    return runs.slice(0, used);
  }
}
