/**
 * Who is ahead: a step to another slice is shown at once, and the page, which must run first, follows. Until it has, data
 * for the slice that was left are not news.
 */

/** How long the page may take. */
const PATIENCE_MS = 5000;

export class PendingStep {
  constructor(now = () => performance.now()) {
    this.now = now;
    /** Where the person is, while the page is not there. @type {{z: number, until: number} | null} */
    this.ahead = null;
  }

  /** The person steps to a slice. */
  stepTo(z) {
    this.ahead = { z, until: this.now() + PATIENCE_MS };
  }

  /** The page shows a slice. @returns {boolean} whether that is news, not the echo of an earlier step */
  pageIsAt(z) {
    if (this.ahead !== null && z !== this.ahead.z && this.now() < this.ahead.until) return false;
    this.ahead = null;
    return true;
  }
}
