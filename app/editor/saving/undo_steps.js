/** Undo and redo of strokes, saves and changes of prediction, each as one step. */

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../panel/panel.js").Notice} Notice */

/**
 * @typedef {object} Context
 * @property {() => Slice | null} slice
 * @property {() => boolean} quiet whether neither a gesture nor the server is at work on the slice
 * @property {import("./claims.js").Claims} claims
 * @property {(rect: Rect) => void} painted
 * @property {(notice: Notice | null) => void} offer
 * @property {() => void} done
 */

export class UndoSteps {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** The slice saved last, to which undo leads back. @type {{base: string, z: number} | null} */
    this.lastSaved = null;
    /** The steps asked for so far; each waits for the one before, which may be at the server. @type {Promise<void>} */
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
    if (slice === null || slice !== this.context.slice() || !this.context.quiet()) return;
    const step = slice.history[which]();
    if (step === null) {
      if (which === "undo") this.#leadBack(slice);
    } else if (step.kind === "strokes") {
      this.context.painted(slice.paint(which === "undo" ? step.inverse : step.forward));
    } else if (!(await this.context.claims[which](step))) {
      slice.history[which === "undo" ? "redo" : "undo"](); // it was not done, so it stays where it was
    }
    this.context.done();
  }

  /** Nothing is left to undo here; the last save may have been on the slice before. */
  #leadBack(slice) {
    const back = this.lastSaved;
    if (back === null || back.base === slice.api.base) return;
    const text = `There is nothing to undo on this slice. You saved slice ${back.z} before.`;
    const reachable = volumeOf(back.base) === volumeOf(slice.api.base);
    this.context.offer({ kind: "back", text, ...(reachable && { command: `slice:${back.z}`, label: `Go back to slice ${back.z}` }) });
  }
}

/** The part of a slice's address that names the volume. @param {string} base */
const volumeOf = (base) => base.replace(/[^/]+$/, "");
