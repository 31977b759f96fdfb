/** Undo and redo of strokes, saves and changes of prediction, each as one step. */

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../panel/panel.js").Notice} Notice */

/**
 * @typedef {object} Context
 * @property {() => Slice | null} slice
 * @property {() => boolean} idle whether neither a gesture nor a request is in progress
 * @property {import("./claims.js").Claims} claims
 * @property {(rect: Rect) => void} painted
 * @property {(notice: Notice | null) => void} offer
 * @property {() => void} done
 */

export class UndoSteps {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** The last saved slice, offered when there is nothing left to undo. @type {{base: string, z: number} | null} */
    this.lastSaved = null;
    /** The requested steps; each waits for the previous one, which may need the server. @type {Promise<void>} */
    this.queue = Promise.resolve();
  }

  /** @param {"undo" | "redo"} which */
  step(which) {
    const slice = this.context.slice();
    const before = this.queue.catch(() => {});
    this.queue = before.then(() => this.context.claims.pending).then(() => this.#step(slice, which));
    return this.queue;
  }

  async #step(slice, which) {
    if (slice === null || slice !== this.context.slice() || !this.context.idle()) return;
    const step = slice.history[which]();
    if (step === null) {
      if (which === "undo") this.#leadBack(slice);
    } else if (step.kind === "strokes") {
      this.context.painted(slice.paint(which === "undo" ? step.inverse : step.forward));
    } else if (!(await this.context.claims[which](step))) {
      slice.history[which === "undo" ? "redo" : "undo"](); // it failed, so the history stays as it was
    }
    this.context.done();
  }

  /** Offer the last saved slice when there is nothing left to undo here. */
  #leadBack(slice) {
    const back = this.lastSaved;
    if (back === null || back.base === slice.api.base) return;
    const text = `There is nothing to undo on this slice. You saved slice ${back.z} before.`;
    const reachable = volumeOf(back.base) === volumeOf(slice.api.base);
    const button = { command: `slice:${back.z}`, label: `Go back to slice ${back.z}` };
    this.context.offer({ kind: "back", text, ...(reachable && button) });
  }
}

/** Return the part of a slice's address that names the volume. @param {string} base */
const volumeOf = (base) => base.replace(/[^/]+$/, "");
