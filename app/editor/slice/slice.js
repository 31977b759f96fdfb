/** One opened slice: its raster, its history and its way to the server. */

import { History } from "./history.js";
import { Raster } from "./raster.js";
import { Superpixels } from "./superpixels.js";
import { ActiveClock, Outbox, parseJson, Retrier } from "./transport.js";
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
    /** What the server says about the slice; null until `loadMask` is done. */
    this.facts = null;
    /** @type {Outbox | null} */
    this.outbox = null;
  }

  /**
   * Fetch the facts and the mask, the first time or anew, over the prediction that is shown already.
   * @param {AbortSignal} [signal]
   */
  async loadMask(signal) {
    const query = this.facts === null ? "" : `?round=${this.round}`;
    const { facts, body } = decodeFrame(await this.api.get(`slice${query}`, signal));
    const numbers = toUint32(body);
    this.facts = facts;
    this.raster.load(numbers.subarray(0, facts.mask_numbers));
    this.raster.loadBase(numbers.subarray(facts.mask_numbers));
    if (this.outbox === null) {
      this.outbox = new Outbox((path, runs) => this.api.post(path, runs), facts.sequence, this.onState);
    }
    this.outbox.sequence = facts.sequence;
    this.outbox.round = this.round;
  }

  /** Whose prediction is shown; 0 where it is none's. */
  get round() {
    return this.facts.round ?? 0;
  }

  /** A finished action: into the history and on its way. @param {Action} action */
  commit(action) {
    this.history.push({ kind: "strokes", ...action });
    this.#send(action.forward);
  }

  /** Paint runs and send them, without a step of their own in the history. @param {Uint32Array} runs @returns {Rect} */
  paint(runs) {
    this.#send(runs);
    return this.raster.apply(runs);
  }

  #send(runs) {
    this.outbox.push(runs, this.clock.take());
  }

  /** What identifies the slice as it is here. */
  get state() {
    return { sequence: this.outbox?.sequence ?? -1, revision: this.facts?.revision ?? null };
  }

  // ---- what the server does with the whole slice, once every stroke is stored and as soon as it answers

  /**
   * Say what is true now.
   * @param {"strokes" | "region" | "slice"} kind @param {number[] | undefined} box y0, x0, y1, x1
   */
  async claim(kind, box) {
    const wish = { kind, box, sequence: this.outbox.sequence, round: this.round, active_ms: this.clock.take() };
    const answer = await this.#ask("claim", wish);
    this.facts.revision = answer.revision;
    return { answer, step: { kind: "save", claim: kind, box, revision: answer.revision } };
  }

  /** Take a save back: the label is the one before, and its strokes are a draft again. @param {import("./history.js").Save} step */
  async unsave(step) {
    step.wish ??= crypto.randomUUID(); // should the answer be lost, the next try asks for the same
    await this.#ask("undo", { id: step.wish, revision: step.revision });
    await this.loadMask();
    delete step.wish;
  }

  /** Be asked about a box later, or about the whole slice. @param {number[] | null} box y0, x0, y1, x1 */
  putOff(box) {
    return this.#ask("put_off", { box });
  }

  /** Put another round's prediction under the strokes. @param {number} round */
  async rebase(round) {
    await this.#ask("rebase", { round, sequence: this.outbox.sequence });
    this.facts.round = round;
    await this.loadMask();
  }

  /** A wish has an id of its own, so that it is done once, however often it is sent. */
  #ask(path, wish) {
    const body = JSON.stringify({ id: crypto.randomUUID(), ...wish });
    return this.retrier.until(async () => {
      await this.outbox.flush();
      return this.api.post(path, body);
    });
  }

  // ---- what the server knows besides

  /** Put the steps before the history that the server still knows: undo works on after the page is loaded anew. */
  async recall() {
    const { facts, body } = decodeFrame(await this.api.get(`steps?sequence=${this.facts.sequence}`));
    const runs = toUint32(body);
    let at = 0;
    const take = (count) => runs.slice(at, (at += 3 * count));
    this.history.precede(facts.counts.map(([forward, inverse]) => ({ kind: "strokes", forward: take(forward), inverse: take(inverse) })));
  }

  /** What a quick first model makes of a box. @param {string} query @returns {Promise<{facts: any, body: Uint8Array}>} */
  async preview(query) {
    return decodeFrame(await this.api.get(`preview?${query}`));
  }

  /** How unsure the model is. @param {AbortSignal} signal @returns {Promise<{facts: any, body: Uint8Array}>} */
  async heat(signal) {
    return decodeFrame(await this.api.get("heat", signal));
  }

  /** How often each grey value of a channel occurs. @param {number} channel @param {AbortSignal} signal */
  async histogram(channel, signal) {
    return parseJson(await this.api.get(`histogram?channel=${channel}`, signal));
  }

  /**
   * A mask made from other slices, 255 where it says nothing.
   * @param {string} query @param {AbortSignal} signal @returns {Promise<{facts: any, pairs: Uint32Array}>} pairs of length and class
   */
  async suggestion(query, signal) {
    const { facts, body } = decodeFrame(await this.api.get(`suggestion?${query}`, signal));
    return { facts, pairs: toUint32(body) };
  }
}
