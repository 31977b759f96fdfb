/** An opened slice: its raster, its history and its requests to the server. */

import { History } from "./history.js";
import { Raster } from "./raster.js";
import { Superpixels } from "./superpixels.js";
import { ActiveClock, newId, Outbox, parseJson, Refused, Retrier } from "./transport.js";
import { decodeFrame, toUint32 } from "./wire.js";

/** @typedef {import("./pixel_changes.js").Action} Action */
/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {import("./transport.js").Api} Api */

export class Slice {
  /**
   * @param {Api} api @param {[number, number]} shape height and width
   * @param {(state: string, sentence: string) => void} onState
   */
  constructor(api, [height, width], onState) {
    this.api = api;
    this.onState = onState;
    this.raster = new Raster(width, height);
    this.history = new History();
    this.clock = new ActiveClock();
    this.superpixels = new Superpixels(api);
    this.retrier = new Retrier((sentence) => onState("retrying", sentence));
    /** Facts from the server about the slice; null before `loadMask`. */
    this.facts = null;
    /** @type {Outbox | null} */
    this.outbox = null;
  }

  /**
   * Load the facts and the mask; a reload keeps the prediction shown.
   * @param {AbortSignal} [signal]
   */
  async loadMask(signal) {
    const query = this.facts === null ? "" : `?round=${this.round}`;
    const { facts, body } = decodeFrame(await this.api.get(`slice${query}`, signal));
    this.#check(facts);
    const numbers = toUint32(body);
    this.facts = facts;
    this.api.created = facts.created;
    this.raster.load(numbers.subarray(0, facts.mask_numbers));
    this.raster.loadBase(numbers.subarray(facts.mask_numbers));
    if (this.outbox === null) {
      this.outbox = new Outbox((path, runs) => this.api.post(path, runs), facts.sequence, this.onState);
    }
    this.outbox.sequence = facts.sequence;
    this.outbox.round = this.round;
  }

  /** Throw where the facts are of another slice than the one shown: strokes and claims would be stored unseen. */
  #check({ created, height, width }) {
    if (this.facts !== null && created !== this.facts.created) {
      throw new Refused("This project was deleted and made anew; open the slice again.");
    }
    if (height !== this.raster.height || width !== this.raster.width) {
      throw new Refused(`The slice has ${height} x ${width} pixels, other than before; reload the page.`);
    }
  }

  /** The round of the prediction shown; 0 for none. */
  get round() {
    return this.facts.round ?? 0;
  }

  /** Add a finished action to the history and send it. @param {Action} action */
  commit(action) {
    this.history.push({ kind: "strokes", ...action });
    this.#send(action.forward);
  }

  /** Paint runs and send them without a history step. @param {Uint32Array} runs @returns {Rect} */
  paint(runs) {
    this.#send(runs);
    return this.raster.apply(runs);
  }

  #send(runs) {
    this.outbox.push(runs, this.clock.take());
  }

  /** Identifies the state of the slice in this window. */
  get version() {
    const { created = "", revision = null } = this.facts ?? {};
    return { created, sequence: this.outbox?.sequence ?? -1, revision };
  }

  // ---- requests that change the whole slice, sent after every stroke is stored and repeated until answered

  /**
   * Save a claim.
   * @param {"strokes" | "region" | "slice"} kind @param {number[] | undefined} box y0, x0, y1, x1
   */
  async claim(kind, box) {
    const { round, facts: { revision } } = this;
    const request = { kind, box, sequence: this.outbox.sequence, round, revision, active_ms: this.clock.take() };
    const answer = await this.#ask("claim", request);
    this.facts.revision = answer.revision;
    return { answer, step: { kind: "save", claim: kind, box, revision: answer.revision } };
  }

  /**
   * Withdraw a save: the previous label counts again, and the strokes become a draft.
   * @param {import("./history.js").Save} step
   */
  async unsave(step) {
    step.requestId ??= newId(); // a retry after a lost answer repeats the same request
    await this.#ask("undo", { id: step.requestId, revision: step.revision });
    await this.loadMask();
    delete step.requestId;
  }

  /** Put off a box, or the whole slice. @param {number[] | null} box y0, x0, y1, x1 */
  putOff(box) {
    return this.#ask("put_off", { box });
  }

  /** Put the prediction of another round under the strokes. @param {number} round */
  async rebase(round) {
    await this.#ask("rebase", { round, sequence: this.outbox.sequence });
    this.facts.round = round;
    await this.loadMask();
  }

  /** Send a request with an id, so that the server carries it out once however often it arrives. */
  #ask(path, request) {
    const body = JSON.stringify({ id: newId(), ...request });
    return this.retrier.until(async () => {
      await this.outbox.flush();
      return this.api.post(path, body);
    });
  }

  // ---- requests that only read

  /** Add the steps known to the server to the history, so that undo still works after a reload of the page. */
  async recall() {
    const { facts, body } = decodeFrame(await this.api.get(`steps?sequence=${this.facts.sequence}`));
    const runs = toUint32(body);
    let at = 0;
    const take = (count) => runs.slice(at, (at += 3 * count));
    const step = ([forward, inverse]) => ({ kind: "strokes", forward: take(forward), inverse: take(inverse) });
    this.history.precede(facts.counts.map(step));
  }

  /** Fetch the first model's prediction of a box. @param {string} query @returns {Promise<{facts: any, body: Uint8Array}>} */
  async preview(query) {
    return decodeFrame(await this.api.get(`preview?${query}`));
  }

  /** Fetch the uncertainty of the model. @param {AbortSignal} signal @returns {Promise<{facts: any, body: Uint8Array}>} */
  async heat(signal) {
    return decodeFrame(await this.api.get("heat", signal));
  }

  /** Fetch the histogram of a channel. @param {number} channel @param {AbortSignal} signal */
  async histogram(channel, signal) {
    return parseJson(await this.api.get(`histogram?channel=${channel}`, signal));
  }

  /**
   * Fetch a mask made from other slices, 255 for no suggestion.
   * @param {string} query @param {AbortSignal} signal
   * @returns {Promise<{facts: any, pairs: Uint32Array}>} pairs of length and class
   */
  async suggestion(query, signal) {
    const { facts, body } = decodeFrame(await this.api.get(`suggestion?${query}`, signal));
    return { facts, pairs: toUint32(body) };
  }
}
