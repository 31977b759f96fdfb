/** Saving: what a person says is true now, the question before something large, and taking a save back. */

/** @typedef {"strokes" | "region" | "slice"} Claim */
/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {import("../slice/history.js").Step} Step */

/**
 * @typedef {object} Context What claims are made on, and who is told.
 * @property {() => Slice | null} slice
 * @property {() => Rect | null} region the box that a region claim is about
 * @property {() => boolean} quiet whether no gesture is at work
 * @property {() => boolean} fullSliceAllowed whether pixels that nobody painted may be claimed
 * @property {() => boolean} uncovers take away what covers the mask, so that it is seen; whether anything did
 * @property {() => boolean} asks whether a whole slice is asked about first
 * @property {(question: string) => void} ask show a question; an empty one takes it away
 * @property {(slice: Slice, answer: any) => void} saved a claim is stored
 * @property {(slice: Slice) => void} restated a save was taken back or done again
 * @property {(slice: Slice, box: Rect | null) => void} postponed a box, or null for the whole slice, is asked about later
 * @property {() => any} reopen show the slice as the server has it
 * @property {(slice: Slice) => void} changed the slice has other pixels or another state now
 * @property {(error: unknown) => void} failed
 */

export class Claims {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.asking = false;
    /** Whether the server is at work on the slice, which stays as it is meanwhile. */
    this.busy = false;
    /** Until when; it never fails. @type {Promise<any>} */
    this.pending = Promise.resolve();
  }

  /** Yes, the whole slice. */
  confirm() {
    return this.asking ? this.#store("slice") : undefined;
  }

  /** The box where there is one, else the strokes; what was asked is not what is meant. */
  claim() {
    const region = this.context.region() !== null && this.context.fullSliceAllowed();
    if (region && this.context.uncovers()) return undefined; // it has to be seen first
    return this.#store(region ? "region" : "strokes");
  }

  strokes() {
    return this.#store("strokes");
  }

  fullSlice() {
    const slice = this.context.slice();
    if (slice === null || this.busy || !this.context.fullSliceAllowed()) return undefined;
    const unseen = this.context.uncovers();
    if (!unseen && (!this.context.asks() || this.asking)) return this.#store("slice");
    this.asking = true;
    const pixels = (slice.raster.width * slice.raster.height).toLocaleString("en");
    this.context.ask(`Is every one of the ${pixels} pixels right, also where you painted nothing?`);
    return undefined;
  }

  /** No question any more. */
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
      if (slice === this.context.slice()) await slice.loadMask().catch(() => this.context.reopen()); // it is saved all the same
    });
  }

  /** Be asked about a box, or the whole slice, later. @param {Rect | null} box */
  putOff(box) {
    this.cancel();
    return this.#run(async (slice) => {
      await slice.putOff(box === null ? null : cornersOf(box));
      this.context.postponed(slice, box);
    });
  }

  /** Take a save or a change of prediction back. @param {Step} step @returns {Promise<boolean>} whether that was done */
  undo(step) {
    return this.#run(async (slice) => {
      if (step.kind === "prediction") return slice.rebase(step.from);
      await slice.unsave(step);
      return this.context.restated(slice);
    });
  }

  /** @param {Step} step @returns {Promise<boolean>} */
  redo(step) {
    return this.#run(async (slice) => {
      if (step.kind === "prediction") return slice.rebase(step.to);
      const { step: again } = await slice.claim(step.claim, step.box);
      step.revision = again.revision;
      this.context.restated(slice);
      return slice.loadMask();
    });
  }

  /** Put the newest prediction under the strokes. @param {number} round */
  rebase(round) {
    return this.#run(async (slice) => {
      const from = slice.round;
      await slice.rebase(round);
      slice.history.push({ kind: "prediction", from, to: round });
    });
  }

  /** @param {(slice: Slice) => Promise<any>} job @returns {Promise<boolean>} whether it was done */
  #run(job) {
    const slice = this.context.slice();
    if (slice === null || this.busy || !this.context.quiet()) return Promise.resolve(false);
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
