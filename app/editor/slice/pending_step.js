/**
 * A step to another slice before the page knows of it. The editor shows the slice at once; the page follows with its next
 * run. Until then, ignore data for the slice left behind.
 */

/** Time allowed for the page to follow. */
const TIMEOUT_MS = 5000;

export class PendingStep {
  constructor(now = () => performance.now()) {
    this.now = now;
    /** The slice shown, while the page still shows another one. @type {{z: number, until: number} | null} */
    this.ahead = null;
  }

  /** Note a step to a slice. */
  stepTo(z) {
    this.ahead = { z, until: this.now() + TIMEOUT_MS };
  }

  /** Note which slice the page shows. @returns {boolean} whether to follow the page; false for the echo of an earlier step */
  pageIsAt(z) {
    if (this.ahead !== null && z !== this.ahead.z && this.now() < this.ahead.until) return false;
    this.ahead = null;
    return true;
  }
}
