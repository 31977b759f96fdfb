/** What becomes of the work: claims, undo across them, suggestions and news, and what each of them tells page and panel. */

import { errorMessage, GivenUp } from "../slice/transport.js";
import { Claims } from "./claims.js";
import { Suggestions } from "./suggestions.js";
import { Sync } from "./sync.js";
import { UndoSteps } from "./undo_steps.js";

/** @typedef {import("../slice/slice.js").Slice} Slice */

/**
 * @typedef {object} Parts The parts of the editor that saving needs.
 * @property {import("../slice/navigation.js").Navigation} navigation
 * @property {import("../panel/panel.js").Panel} panel
 * @property {import("../panel/preferences.js").Preferences} preferences
 * @property {import("../view/proposal_boxes.js").ProposalBoxes} proposalBoxes
 * @property {boolean} fullSliceAllowed whether pixels that nobody painted may be claimed
 */
/**
 * @typedef {object} Callbacks
 * @property {() => boolean} quiet whether neither a gesture nor the server is at work
 * @property {() => boolean} uncovers take away what covers the mask; whether anything did
 * @property {(rect: import("../slice/raster.js").Rect) => void} changed part of the slice has other pixels
 * @property {() => void} painted a step was done
 * @property {() => void} renewed the server did something with the whole slice, which was loaded anew
 * @property {(place: {volume: number, z: number}) => void} saved a claim is stored
 * @property {(place: {volume: number, z: number, box: boolean}) => void} postponed a place, or the slice, is asked about later
 * @property {() => void} restated a save was taken back or done again: the page has other boxes now
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
      quiet: callbacks.quiet,
      fullSliceAllowed: () => parts.fullSliceAllowed,
      uncovers: () => callbacks.uncovers(),
      asks: () => preferences.askSlice,
      ask: (question) => panel.ask(question),
      saved: (slice, answer) => this.#saved(slice, answer),
      postponed: (slice, box) => this.#postponed(slice, box),
      restated: () => callbacks.restated(),
      reopen: () => navigation.open(),
      changed: () => this.#renewed(),
      failed: (error) => this.#notSaved(error),
    });
    this.undoSteps = new UndoSteps({
      slice: () => navigation.slice,
      quiet: callbacks.quiet,
      claims: this.claims,
      painted: callbacks.changed,
      offer: (notice) => panel.setNotice(notice),
      done: callbacks.painted,
    });
    this.suggestions = new Suggestions({
      slice: () => navigation.slice,
      quiet: callbacks.quiet,
      painted: callbacks.changed,
      say: (text, kind) => panel.setBanner(text, kind),
      done: callbacks.painted,
    });
  }

  /** The person does not want what is offered. */
  dismiss() {
    this.sync.decline();
    this.panel.setNotice(null);
  }

  /** The server is away: what was asked for waits. @param {string} state of what is on its way @param {string} sentence */
  sent(state, sentence) {
    if (state !== "retrying" || !this.claims.busy) return;
    this.panel.setBanner(`${sentence} What you asked for is done as soon as the app answers; Esc gives it up.`, "problem");
  }

  /** Not now: the chosen place, or the proposed slice, is asked about later. @param {"box" | "slice"} what */
  skip(what) {
    const { data, slice } = this.navigation;
    if (slice === null) return undefined;
    if (!data.proposal) return this.panel.setBanner("Nothing is asked about this slice, so there is nothing to skip.");
    const box = what === "box" ? this.proposalBoxes.chosenBox : null;
    if (what === "box" && box === null) {
      return this.panel.setBanner("No place is chosen: N chooses the next one, Shift+J skips the whole slice.");
    }
    return this.claims.putOff(box);
  }

  /** @param {import("../panel/panel.js").Notice | null} notice */
  #offer(notice) {
    if (notice?.kind === "prediction") this.panel.clearNote(); // such as that there is no model yet
    this.panel.setNotice(notice);
  }

  /** @param {Slice} slice which may have been left by now @param {any} answer */
  #saved(slice, answer) {
    const place = placeOf(slice);
    this.undoSteps.lastSaved = { base: slice.api.base, z: place.z };
    if (slice === this.navigation.slice) this.proposalBoxes.saved(answer.claim);
    this.callbacks.saved({ ...place, ...answer });
  }

  /** @param {Slice} slice @param {import("../slice/raster.js").Rect | null} box */
  #postponed(slice, box) {
    if (slice === this.navigation.slice) this.proposalBoxes.leave();
    this.callbacks.postponed({ ...placeOf(slice), box: box !== null });
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
function placeOf(slice) {
  const [volume, z] = slice.api.base.split("/").slice(-2).map(Number);
  return { volume, z };
}
