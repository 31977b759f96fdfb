/**
 * Watches whether frames keep up while the view moves. If not (no graphics card, or training on the same machine), draw
 * without smoothing until the view rests. This halves the work, and shows only when zoomed out.
 */

/** A longer gap is a late frame; one longer than `PAUSE_MS` is a pause. */
const LATE_MS = 24;
const PAUSE_MS = 200;
const LATE_FRAMES = 2;

export class FrameRate {
  /** @param {() => void} onRest draw again with smoothing */
  constructor(onRest) {
    this.onRest = onRest;
    this.last = -Infinity;
    this.late = 0;
    this.timer = 0;
  }

  get slow() {
    return this.late >= LATE_FRAMES;
  }

  /** Note a frame of a moving view. @param {number} time in milliseconds */
  frame(time) {
    const gap = time - this.last;
    this.last = time;
    if (gap > LATE_MS && gap < PAUSE_MS) this.late += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#rest(), PAUSE_MS);
  }

  #rest() {
    const { slow } = this;
    this.late = 0;
    if (slow) this.onRest();
  }

  close() {
    clearTimeout(this.timer);
  }
}
