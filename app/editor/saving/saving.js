/** Joins claims, undo, suggestions and synchronisation, and reports their results to page and panel. */

import { errorMessage, GivenUp } from "../slice/transport.js";
import { Claims } from "./claims.js";
import { Suggestions } from "./suggestions.js";
import { Sync } from "./sync.js";
import { UndoSteps } from "./undo_steps.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */

/**
 * @typedef {object} Parts Parts of the editor.
 * @property {import("../slice/navigation.js").Navigation} navigation
 * @property {import("../panel/panel.js").Panel} panel
 * @property {import("../panel/preferences.js").Preferences} preferences
 * @property {import("../view/proposal_boxes.js").ProposalBoxes} proposalBoxes
 * @property {boolean} fullSliceAllowed whether a claim may include unpainted pixels
 */
/**
 * @typedef {object} Callbacks
 * @property {() => boolean} idle whether neither a gesture nor a request is in progress
 * @property {() => boolean} uncover hide whatever covers the mask; return whether anything did
 * @property {(rect: import("../slice/raster.js").Rect) => void} changed pixels of this part have changed
 * @property {() => void} painted a step is done
 * @property {() => void} renewed the server has changed the slice, which has been loaded again
 * @property {(place: {volume: number, z: number}) => void} saved a claim is stored
 * @property {(place: {volume: number, z: number, box: boolean}) => void} postponed a box or the slice was put off
 * @property {() => void} savesChanged a save was withdrawn or repeated, so the page has other proposal boxes
 */

export class Saving {
  /**
   * @param {Parts} parts
   * @param {Callbacks} callbacks
   */
  constructor(parts, callbacks) {
    const { navigation, panel, preferences, proposalBoxes } = parts;
    this.panel = panel;
    this.navigation = navigation;
    this.proposalBoxes = proposalBoxes;
    this.callbacks = callbacks;
    this.sync = new Sync((notice) => this.#offer(notice));
    this.claims = new Claims({
      slice: () => navigation.slice,
      region: () => proposalBoxes.region,
      idle: callbacks.idle,
      fullSliceAllowed: () => parts.fullSliceAllowed,
      uncover: () => callbacks.uncover(),
      asksFirst: () => preferences.askSlice,
      ask: (question) => panel.ask(question),
      saved: (slice, answer) => this.#saved(slice, answer),
      postponed: (slice, box) => this.#postponed(slice, box),
      savesChanged: () => callbacks.savesChanged(),
      reopen: () => navigation.open(),
      changed: () => this.#renewed(),
      failed: (error) => this.#notSaved(error),
    });
    this.undoSteps = new UndoSteps({
      slice: () => navigation.slice,
      idle: callbacks.idle,
      claims: this.claims,
      painted: callbacks.changed,
      offer: (notice) => panel.setNotice(notice),
      done: callbacks.painted,
    });
    this.suggestions = new Suggestions({
      slice: () => navigation.slice,
      idle: callbacks.idle,
      painted: callbacks.changed,
      say: (text, kind) => panel.setBanner(text, kind),
      done: callbacks.painted,
    });
  }

  /** Dismiss the notice. */
  dismiss() {
    this.sync.decline();
    this.panel.setNotice(null);
  }

  /**
   * Say that a request waits while the server is away.
   * @param {string} state of the strokes being sent @param {string} sentence
   */
  sent(state, sentence) {
    if (state !== "retrying" || !this.claims.busy) return;
    this.panel.setBanner(`${sentence} Your request is carried out as soon as the app answers; Esc gives it up.`, "problem");
  }

  /** Put off the chosen box, or the proposed slice. @param {"box" | "slice"} what */
  skip(what) {
    const { data, slice } = this.navigation;
    if (slice === null) return undefined;
    if (!data.proposal) return this.panel.setBanner("This slice is not proposed, so there is nothing to skip.");
    const box = what === "box" ? this.proposalBoxes.chosenBox : null;
    if (what === "box" && box === null) {
      return this.panel.setBanner("No box is chosen: N chooses the next one, Shift+J skips the whole slice.");
    }
    return this.claims.putOff(box);
  }

  /** @param {import("../panel/panel.js").Notice | null} notice */
  #offer(notice) {
    if (notice?.kind === "prediction") this.panel.clearNote(); // a note such as that there is no model yet
    this.panel.setNotice(notice);
  }

  /** @param {Slice} slice possibly left by now @param {any} answer */
  #saved(slice, answer) {
    const place = positionOf(slice);
    this.undoSteps.lastSaved = { base: slice.api.base, z: place.z };
    if (slice === this.navigation.slice) this.proposalBoxes.saved(answer.claim);
    this.callbacks.saved({ ...place, ...answer });
  }

  /** @param {Slice} slice @param {import("../slice/raster.js").Rect | null} box */
  #postponed(slice, box) {
    if (slice === this.navigation.slice) this.proposalBoxes.leave();
    this.callbacks.postponed({ ...positionOf(slice), box: box !== null });
  }

  #renewed() {
    this.panel.setState("saved", "");
    this.panel.setBanner("");
    this.callbacks.renewed();
    this.sync.look();
  }

  #notSaved(error) {
    this.panel.setState(this.navigation.slice.outbox.unsent ? "retrying" : "saved", "");
    this.panel.setBanner(errorMessage(error), error instanceof GivenUp ? "note" : "problem");
  }
}

/** @param {Slice} slice @returns {{volume: number, z: number}} */
function positionOf(slice) {
  const [volume, z] = slice.api.base.split("/").slice(-2).map(Number);
  return { volume, z };
}
