/** Polls the server for changes to the open slice: a newer prediction, another window on it, a change made there. */

import { newId, parseJson } from "../slice/transport.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */
/** @typedef {import("../panel/panel.js").Notice} Notice */

const EVERY_MS = 4000;

export class Sync {
  /** @param {(notice: Notice | null) => void} onNotice called with the notice to show */
  constructor(onNotice) {
    this.onNotice = onNotice;
    this.window = newId();
    /** @type {Slice | null} */
    this.slice = null;
    /** Rounds whose prediction the user declined, by slice. @type {Map<string, number>} */
    this.declined = new Map();
    /** @type {Notice | null} */
    this.notice = null;
    this.timer = setInterval(() => this.look(), EVERY_MS);
    this.leave = () => this.#leave();
    window.addEventListener("pagehide", this.leave);
  }

  /** Continue on another slice; null for none. @param {Slice | null} slice */
  follow(slice) {
    this.slice = slice;
    this.notice = null;
    this.onNotice(null); // also removes a notice from elsewhere
    return this.look();
  }

  /** Ask the server once. */
  async look() {
    const { slice } = this;
    if (slice === null || document.hidden) return;
    try {
      const found = parseJson(await slice.api.get(`news?window=${this.window}`));
      if (slice === this.slice) this.#say(noticeOf(slice, found, this.declined.get(slice.api.base) ?? 0));
    } catch {
      // the outbox reports strokes that are not stored; the rest can wait
    }
  }

  /** Keep the prediction shown. */
  decline() {
    if (this.slice !== null) this.declined.set(this.slice.api.base, this.slice.facts.latest ?? 0);
    this.#say(null);
  }

  close() {
    clearInterval(this.timer);
    window.removeEventListener("pagehide", this.leave);
    this.#leave();
    this.slice = null;
  }

  /** Tell the server that this window is closing, so that no other window, nor a reload, is warned of it. */
  #leave() {
    if (this.slice === null) return;
    fetch(`${this.slice.api.base}/news?window=${this.window}&closing=1`, { keepalive: true }).catch(() => {});
  }

  #say(notice) {
    if (notice?.text === this.notice?.text) return;
    this.notice = notice;
    this.onNotice(notice);
  }
}

/**
 * Return the most urgent notice.
 * @param {Slice} slice
 * @param {{
 *   created: string, round: number | null, sequence: number, revision: number | null, caution: string | null, others: number
 * }} found `caution`: the reasons to distrust the round, null for none
 * @param {number} declined the newest round declined by the user
 * @returns {Notice | null}
 */
export function noticeOf(slice, found, declined) {
  const { facts, outbox } = slice;
  if (found.created !== facts.created) {
    const text = "This project was deleted and made anew under its name. This window shows the deleted one.";
    return { kind: "elsewhere", text, command: "reload", label: "Show it as it is now" };
  }
  const ahead = found.sequence > outbox.sequence || (found.revision !== facts.revision && !outbox.unsent);
  if (ahead) {
    const text = "This slice was changed in another window. This window shows an older state.";
    return { kind: "elsewhere", text, command: "reload", label: "Show it as it is now" };
  }
  if (found.others > 0) {
    const text = "This slice is open in another window too. Paint in one of them only: the other will have to reload.";
    return { kind: "others", text };
  }
  facts.latest = found.round;
  if (found.round !== null && found.round > (facts.round ?? 0) && found.round > declined) {
    const but = found.caution === null ? " of this slice" : `, but ${found.caution}`;
    const text = `Round ${found.round} has a new prediction${but}. Your strokes stay.`;
    return { kind: "prediction", text, command: "newPrediction", label: "Use it" };
  }
  return null;
}
