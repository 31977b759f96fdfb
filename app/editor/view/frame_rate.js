/**
 * Whether frames keep up while the view moves. Where they do not (no graphics card, or a round in training beside it), the
 * slice is drawn without smoothing until the view rests: half the work, and only zoomed out a difference to see.
 */

/** A frame later than this was missed, one later than `PAUSE_MS` was none. */
const LATE_MS = 24;
const PAUSE_MS = 200;
const LATE_FRAMES = 2;

export class FrameRate {
  /** @param {() => void} onRest what was drawn roughly is to be drawn again */
  constructor(onRest) {
    this.onRest = onRest;
    this.last = -Infinity;
    this.late = 0;
    this.timer = 0;
  }

  get slow() {
    return this.late >= LATE_FRAMES;
  }

  /** A frame of a moving view begins. @param {number} time in milliseconds */
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
