/**
 * One slice in memory, and the runs in which its changes travel.
 *
 * A pixel's value is `class | touched << 8`; a run is three numbers: start and length in the flattened slice, and value.
 */

export const UNSURE = 255;
export const TOUCHED = 256;

/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Rect Half-open, in image pixels. */
/** @typedef {{forward: Uint32Array, inverse: Uint32Array}} Action Runs that do an action, and runs that undo it. */

/**
 * What one action has changed so far: chunks of pixels with their value before and after.
 * An action writes each pixel once at most.
 */
export class Changes {
  constructor() {
    this.count = 0;
    this.chunks = new Uint32Array(4 * 256);
  }

  /** @param {number} start @param {number} length @param {number} before @param {number} after */
  add(start, length, before, after) {
    const at = 4 * this.count;
    if (at === this.chunks.length) {
      const larger = new Uint32Array(2 * at);
      larger.set(this.chunks);
      this.chunks = larger;
    }
    this.chunks[at] = start;
    this.chunks[at + 1] = length;
    this.chunks[at + 2] = before;
    this.chunks[at + 3] = after;
    this.count += 1;
  }

  /** @returns {Action} */
  action() {
    const order = this.#order();
    return { forward: this.#runs(order, 3), inverse: this.#runs(order, 2) };
  }

  /** Indices of the chunks by rising start; start and index share one double, which sorts natively. */
  #order() {
    const keys = new Float64Array(this.count);
    for (let i = 0; i < this.count; i += 1) keys[i] = this.chunks[4 * i] * 2 ** 24 + i;
    keys.sort();
    return keys.map((key) => key % 2 ** 24);
  }

  /** @param {Float64Array} order @param {2 | 3} field */
  #runs(order, field) {
    const runs = new Uint32Array(3 * order.length);
    let used = 0;
    for (const i of order) {
      const [start, length, value] = [this.chunks[4 * i], this.chunks[4 * i + 1], this.chunks[4 * i + field]];
      const last = used - 3;
      if (used > 0 && runs[last + 2] === value && runs[last] + runs[last + 1] === start) {
        runs[last + 1] += length;
      } else {
        runs.set([start, length, value], used);
        used += 3;
      }
    }
    return runs.slice(0, used);
  }
}

export class Raster {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.mask = new Uint8Array(width * height);
    this.touched = new Uint8Array(width * height);
    /** Grey values, one array per level; level n is 2**n times smaller, by means of 2 x 2. */
    this.levels = [{ width, height, grey: new Uint8Array(width * height) }];
    while (Math.max(this.#coarsest().width, this.#coarsest().height) > 256) {
      const [w, h] = [Math.ceil(this.#coarsest().width / 2), Math.ceil(this.#coarsest().height / 2)];
      this.levels.push({ width: w, height: h, grey: new Uint8Array(w * h) });
    }
  }

  #coarsest() {
    return this.levels[this.levels.length - 1];
  }

  /** Put whole rows of grey values in place, and into every coarser level. @param {number} y0 @param {Uint8Array} rows */
  setGrey(y0, rows) {
    this.levels[0].grey.set(rows, y0 * this.width);
    let [from, to] = [y0, y0 + rows.length / this.width];
    for (let n = 1; n < this.levels.length; n += 1) {
      from = Math.floor(from / 2);
      to = Math.ceil(to / 2);
      halve(this.levels[n - 1], this.levels[n], from, to);
    }
  }

  /** @param {number} x @param {number} y */
  inside(x, y) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  /**
   * Give pixels x0 <= x < x1 of row y a value, and note what changed.
   * @param {number} y @param {number} x0 @param {number} x1 @param {number} value @param {Changes} changes
   */
  paintRow(y, x0, x1, value, changes) {
    const [cls, touched] = [value & 255, value >> 8];
    const end = y * this.width + x1;
    let i = y * this.width + x0;
    while (i < end) {
      const before = this.mask[i] | (this.touched[i] << 8);
      const start = i;
      while (i < end && this.mask[i] === (before & 255) && this.touched[i] === before >> 8) i += 1;
      if (before !== value) changes.add(start, i - start, before, value);
    }
    this.mask.fill(cls, y * this.width + x0, end);
    this.touched.fill(touched, y * this.width + x0, end);
  }

  /** Apply an action's runs. @param {Uint32Array} runs @returns {Rect} the part of the slice that changed */
  apply(runs) {
    const rect = { x0: this.width, y0: this.height, x1: 0, y1: 0 };
    for (let r = 0; r < runs.length; r += 3) {
      const [start, end, value] = [runs[r], runs[r] + runs[r + 1], runs[r + 2]];
      this.mask.fill(value & 255, start, end);
      this.touched.fill(value >> 8, start, end);
      const [top, bottom] = [Math.floor(start / this.width), Math.floor((end - 1) / this.width)];
      rect.y0 = Math.min(rect.y0, top);
      rect.y1 = Math.max(rect.y1, bottom + 1);
      rect.x0 = Math.min(rect.x0, top === bottom ? start % this.width : 0);
      rect.x1 = Math.max(rect.x1, top === bottom ? ((end - 1) % this.width) + 1 : this.width);
    }
    return rect;
  }

  /** Fill a new, empty slice from pairs (length, value) that follow one another. @param {Uint32Array} pairs */
  load(pairs) {
    let at = 0;
    for (let r = 0; r < pairs.length; r += 2) {
      const end = at + pairs[r];
      if (pairs[r + 1] & 255) this.mask.fill(pairs[r + 1] & 255, at, end);
      if (pairs[r + 1] & TOUCHED) this.touched.fill(1, at, end);
      at = end;
    }
  }
}

/** Rows of a level as means of 2 x 2 pixels of the finer one. */
function halve(fine, coarse, from, to) {
  for (let y = from; y < Math.min(to, coarse.height); y += 1) {
    const upper = 2 * y * fine.width;
    const lower = Math.min(2 * y + 1, fine.height - 1) * fine.width;
    for (let x = 0; x < coarse.width; x += 1) {
      const left = 2 * x;
      const right = left + 1 < fine.width ? left + 1 : left;
      const sum = fine.grey[upper + left] + fine.grey[upper + right] + fine.grey[lower + left] + fine.grey[lower + right];
      coarse.grey[y * coarse.width + x] = (sum + 2) >> 2;
    }
  }
}

/** Cut a long list of runs, so that no request grows past the server's limit. @param {Uint32Array} runs */
export function* portions(runs, most = 500000) {
  for (let r = 0; r < runs.length; r += 3 * most) yield runs.subarray(r, r + 3 * most);
}

/** Take apart an answer of facts and bytes. @param {ArrayBuffer} buffer @returns {{facts: any, body: Uint8Array}} */
export function unframe(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { facts, body: new Uint8Array(buffer, 4 + length) };
}

/** Little-endian uint32 from bytes, on any machine. @param {Uint8Array} bytes */
export function toUint32(bytes) {
  if (new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 && bytes.byteOffset % 4 === 0) {
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getUint32(4 * i, true));
}

/** Little-endian bytes of uint32, on any machine. @param {Uint32Array} numbers */
export function toBytes(numbers) {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < numbers.length; i += 1) view.setUint32(4 * i, numbers[i], true);
  return bytes;
}
