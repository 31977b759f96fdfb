/** Saving claims: strokes, a region or the full slice; the question before a full slice; withdrawing a save. */

/** @typedef {"strokes" | "region" | "slice"} Claim */
/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../slice/history.js").Step} Step */

/**
 * @typedef {object} Context
 * @property {() => Slice | null} slice
 * @property {() => Rect | null} region the box for a region claim
 * @property {() => boolean} idle whether no gesture is in progress
 * @property {() => boolean} fullSliceAllowed whether a claim may include unpainted pixels
 * @property {() => boolean} uncover hide whatever covers the mask; return whether anything did
 * @property {() => boolean} asksFirst whether to ask before a full slice is saved
 * @property {(question: string) => void} ask show a question; an empty one removes it
 * @property {(slice: Slice, answer: any) => void} saved a claim is stored
 * @property {(slice: Slice) => void} savesChanged a save was withdrawn or repeated
 * @property {(slice: Slice, box: Rect | null) => void} postponed a box, or null for the whole slice, was put off
 * @property {() => any} reopen load the slice from the server again
 * @property {(slice: Slice) => void} changed the slice has changed
 * @property {(error: unknown) => void} failed
 */

export class Claims {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.asking = false;
    /** Whether the server is changing the slice, which must stay as it is meanwhile. */
    this.busy = false;
    /** Resolves when the server is done; never rejects. @type {Promise<any>} */
    this.pending = Promise.resolve();
  }

  /** Answer the question with yes. */
  confirm() {
    return this.asking ? this.#store("slice") : undefined;
  }

  /** Save the region if there is one, else the strokes, whatever was asked. */
  claim() {
    const region = this.context.region() !== null && this.context.fullSliceAllowed();
    if (region && this.context.uncover()) return undefined; // show the mask first
    return this.#store(region ? "region" : "strokes");
  }

  strokes() {
    return this.#store("strokes");
  }

  fullSlice() {
    const slice = this.context.slice();
    if (slice === null || this.busy || !this.context.fullSliceAllowed()) return undefined;
    const unseen = this.context.uncover();
    if (!unseen && (!this.context.asksFirst() || this.asking)) return this.#store("slice");
    this.asking = true;
    const pixels = (slice.raster.width * slice.raster.height).toLocaleString("en");
    this.context.ask(`Is every one of the ${pixels} pixels right, also where you painted nothing?`);
    return undefined;
  }

  /** Remove the question. */
  cancel() {
    this.asking = false;
    this.context.ask("");
  }

  /** @param {Claim} kind */
  async #store(kind) {
    this.cancel();
    const box = kind === "region" ? this.context.region() : null;
    await this.#run(async (slice) => {
      const corners = box === null ? undefined : cornersOf(box);
      const { answer, step } = await slice.claim(kind, corners);
      slice.history.push(step);
      this.context.saved(slice, answer);
      if (slice === this.context.slice()) await slice.loadMask().catch(() => this.context.reopen()); // it is saved in any case
    });
  }

  /** Put off a box, or the whole slice. @param {Rect | null} box */
  putOff(box) {
    this.cancel();
    return this.#run(async (slice) => {
      await slice.putOff(box === null ? null : cornersOf(box));
      this.context.postponed(slice, box);
    });
  }

  /** Undo a save or a change of prediction. @param {Step} step @returns {Promise<boolean>} whether that succeeded */
  undo(step) {
    return this.#run(async (slice) => {
      if (step.kind === "prediction") return slice.rebase(step.from);
      await slice.unsave(step);
      return this.context.savesChanged(slice);
    });
  }

  /** @param {Step} step @returns {Promise<boolean>} */
  redo(step) {
    return this.#run(async (slice) => {
      if (step.kind === "prediction") return slice.rebase(step.to);
      const { step: again } = await slice.claim(step.claim, step.box);
      step.revision = again.revision;
      this.context.savesChanged(slice);
      return slice.loadMask();
    });
  }

  /** Put the prediction of another round under the strokes. @param {number} round */
  rebase(round) {
    return this.#run(async (slice) => {
      const from = slice.round;
      await slice.rebase(round);
      slice.history.push({ kind: "prediction", from, to: round });
    });
  }

  /** @param {(slice: Slice) => Promise<any>} job @returns {Promise<boolean>} whether it succeeded */
  #run(job) {
    const slice = this.context.slice();
    if (slice === null || this.busy || !this.context.idle()) return Promise.resolve(false);
    this.busy = true;
    this.pending = this.#ended(slice, job);
    return this.pending;
  }

  /** @param {Slice} slice @param {(slice: Slice) => Promise<any>} job */
  async #ended(slice, job) {
    try {
      await job(slice);
      if (slice === this.context.slice()) this.context.changed(slice);
      return true;
    } catch (error) {
      if (slice === this.context.slice()) this.context.failed(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

/** @param {Rect} box @returns {number[]} y0, x0, y1, x1 */
const cornersOf = ({ y0, x0, y1, x1 }) => [y0, x0, y1, x1];
