/** One opened slice: its raster, its history and its way to the server. */

import { History } from "./history.js";
import { Raster, toUint32, unframe } from "./raster.js";
import { ActiveClock, Outbox } from "./transport.js";

/** @typedef {import("./transport.js").Api} Api */

const STRIP_ROWS = 512;
const STRIPS_AT_ONCE = 3;

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
    /** What the server says about the slice; null until `loadMask` is done. */
    this.facts = null;
    /** @type {Outbox | null} */
    this.outbox = null;
  }

  /** Fetch the facts and the mask. @param {AbortSignal} signal */
  async loadMask(signal) {
    const { facts, body } = unframe(await this.api.get("slice", signal));
    this.facts = facts;
    this.raster.load(toUint32(body));
    this.outbox = new Outbox((path, runs) => this.api.post(path, runs), facts.sequence, this.onState);
  }

  /**
   * Fetch the grey values of a channel in strips, those in view first.
   * @param {number} channel @param {import("./raster.js").Rect} inView @param {AbortSignal} signal
   * @param {(rect: import("./raster.js").Rect) => void} onStrip
   */
  async loadGrey(channel, inView, signal, onStrip) {
    const { width, height } = this.raster;
    const middle = (inView.y0 + inView.y1) / 2;
    const tops = Array.from({ length: Math.ceil(height / STRIP_ROWS) }, (_, i) => i * STRIP_ROWS);
    tops.sort((a, b) => Math.abs(a + STRIP_ROWS / 2 - middle) - Math.abs(b + STRIP_ROWS / 2 - middle));
    const worker = async () => {
      for (let y0 = tops.shift(); y0 !== undefined; y0 = tops.shift()) {
        const y1 = Math.min(height, y0 + STRIP_ROWS);
        const rows = await this.api.get(`grey?channel=${channel}&y0=${y0}&y1=${y1}`, signal);
        this.raster.setGrey(y0, new Uint8Array(rows));
        onStrip({ x0: 0, y0, x1: width, y1 });
      }
    };
    await Promise.all(Array.from({ length: STRIPS_AT_ONCE }, worker));
  }

  /** A finished action: into the history and on its way. @param {import("./raster.js").Action} action */
  commit(action) {
    this.history.push(action);
    this.outbox.push(action.forward, this.clock.take());
  }

  /** @returns {import("./raster.js").Rect | null} what changed */
  undo() {
    return this.#step(this.history.undo());
  }

  /** @returns {import("./raster.js").Rect | null} what changed */
  redo() {
    return this.#step(this.history.redo());
  }

  #step(runs) {
    if (runs === null) return null;
    this.outbox.push(runs, this.clock.take());
    return this.raster.apply(runs);
  }

  /**
   * Say what is true now, once every stroke is stored.
   * @param {"strokes" | "region" | "slice"} kind @param {number[] | undefined} box y0, x0, y1, x1
   */
  async claim(kind, box) {
    await this.outbox.flush();
    const id = crypto.randomUUID();
    const wish = { id, kind, box, sequence: this.outbox.sequence, active_ms: this.clock.take() };
    return this.api.post("claim", JSON.stringify(wish));
  }

  /** What was painted is saved: no pixel counts as touched, and there is nothing to undo. */
  settle() {
    this.raster.touched.fill(0);
    this.history = new History();
    this.facts.origin = "label";
  }

  /** @returns {Promise<{facts: any, body: Uint8Array}>} */
  async heat(signal) {
    return unframe(await this.api.get("heat", signal));
  }
}
