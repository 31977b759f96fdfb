/** The way to the server and back: slices in, numbered actions out, each stored once, none lost. */

import { splitRuns, toBytes } from "./wire.js";

/** The server understood and said no; sending again would not help. */
export class Refused extends Error {}

/** What a failed answer means: a sentence, and whether to send again. @param {Response} response */
async function failure(response) {
  const said = await response.json().catch(() => ({}));
  const sentence = said.error ?? `The app answered ${response.status}.`;
  // 403 is a token of an earlier start of the app: the page gets a new one by itself, so the stroke is kept.
  return response.status < 500 && response.status !== 403 ? new Refused(sentence) : new Error(sentence);
}

/** Requests about one slice. */
export class Api {
  /** @param {string} base address of the slice @param {() => string} token */
  constructor(base, token) {
    this.base = base;
    this.token = token;
  }

  /** @param {string} path @param {AbortSignal} [signal] @returns {Promise<ArrayBuffer>} */
  async get(path, signal) {
    const response = await fetch(`${this.base}/${path}`, { signal });
    if (!response.ok) throw await failure(response);
    return response.arrayBuffer();
  }

  /** @param {string} path @param {BodyInit} body */
  async post(path, body) {
    const small = (typeof body === "string" ? body.length : body.byteLength) < 60000;
    const headers = { "X-Underpaint-Token": this.token(), "Content-Type": "application/octet-stream" };
    // keepalive: a stroke on its way survives the closing of the page
    const response = await fetch(`${this.base}/${path}`, { method: "POST", body, headers, keepalive: small });
    if (!response.ok) throw await failure(response);
    return response.json();
  }
}

/** JSON from the bytes of an answer. @param {ArrayBuffer} bytes */
export const parseJson = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

/** Milliseconds of work: a pause longer than `pause` stops the clock. */
export class ActiveClock {
  constructor(pause = 30000, now = () => performance.now()) {
    this.pause = pause;
    this.now = now;
    this.last = now();
    this.worked = 0;
  }

  /** The person did something. */
  input() {
    const now = this.now();
    this.worked += Math.min(now - this.last, this.pause);
    this.last = now;
  }

  /** Time worked since it was last taken, in whole milliseconds. */
  take() {
    this.input();
    const taken = Math.round(this.worked);
    this.worked = 0;
    return taken;
  }
}

const DELAYS_MS = [250, 500, 1000, 2000, 4000];
const delay = (failures) => DELAYS_MS[Math.min(failures, DELAYS_MS.length - 1)];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The person does not want any more what could not be done yet. */
export class GivenUp extends Error {}

/** What is asked of the server while it is away: asked again until it answers, or until the person gives it up. */
export class Retrier {
  /** @param {(sentence: string) => void} waits told at every failure @param {(milliseconds: number) => Promise<void>} wait */
  constructor(waits, wait = pause) {
    this.waits = waits;
    this.wait = wait;
    /** Ends what is waited for; nothing while that is nothing. @type {() => void} */
    this.giveUp = () => {};
  }

  /**
   * Do something, again and again until it is done; what the server refuses is not tried again.
   * @template T @param {() => Promise<T>} job which may be done twice, if its answer was lost @returns {Promise<T>}
   */
  async until(job) {
    const wanted = { still: true };
    const givenUp = new Promise((_, reject) => {
      this.giveUp = () => reject(new GivenUp("Given up: it was not done. Your strokes are kept."));
    });
    try {
      return await Promise.race([this.#persist(job, wanted), givenUp]);
    } finally {
      wanted.still = false;
      this.giveUp = () => {};
    }
  }

  async #persist(job, wanted) {
    for (let failures = 0; wanted.still; failures += 1) {
      try {
        return await job();
      } catch (error) {
        if (error instanceof Refused) throw error;
        if (wanted.still) this.waits(errorMessage(error));
        await this.wait(delay(failures));
      }
    }
    return undefined;
  }
}

/**
 * Actions of one slice on their way to the server, one at a time and in order.
 * State: "saved", "saving", "retrying" (not saved yet, trying again) or "refused" (the server said no; the rest is dropped).
 */
export class Outbox {
  /**
   * @param {(path: string, body: Uint8Array) => Promise<any>} post
   * @param {number} sequence number of the last action the server has
   * @param {(state: string, sentence: string) => void} onState
   * @param {(milliseconds: number) => Promise<void>} wait
   */
  constructor(post, sequence, onState, wait = pause) {
    this.post = post;
    this.sequence = sequence;
    /** Whose prediction the actions are painted on, 0 for none's. @type {number | null} */
    this.round = null;
    this.onState = onState;
    this.wait = wait;
    /** @type {{path: string, body: Uint8Array}[]} */
    this.queue = [];
    this.state = "saved";
    /** @type {Promise<void>} */
    this.sending = Promise.resolve();
  }

  get unsent() {
    return this.queue.length > 0;
  }

  /** Take an action; it is sent at once, or after those before it. @param {Uint32Array} runs @param {number} activeMs */
  push(runs, activeMs) {
    if (this.state === "refused") return;
    let spent = activeMs;
    for (const portion of splitRuns(runs)) {
      this.sequence += 1;
      const round = this.round === null ? "" : `&round=${this.round}`;
      this.queue.push({ path: `patch/${this.sequence}?active_ms=${spent}${round}`, body: toBytes(portion) });
      spent = 0;
    }
    if (this.state === "saved") this.sending = this.#send();
  }

  /** Resolves once everything is stored; throws what the server said if it refused. */
  async flush() {
    while (this.unsent) await this.sending;
    await this.sending;
  }

  async #send() {
    this.#say("saving");
    let failures = 0;
    while (this.queue.length > 0) {
      try {
        await this.post(this.queue[0].path, this.queue[0].body);
        this.queue.shift();
        failures = 0;
        if (this.queue.length > 0) this.#say("saving");
      } catch (error) {
        if (error instanceof Refused) {
          this.queue = [];
          this.#say("refused", error.message);
          return;
        }
        this.#say("retrying", error.message);
        await this.wait(delay(failures));
        failures += 1;
      }
    }
    this.#say("saved");
  }

  #say(state, sentence = "") {
    this.state = state;
    this.onState(state, sentence);
  }
}

/** What went wrong, for the person. @param {unknown} error */
export function errorMessage(error) {
  if (error instanceof TypeError) return "The app does not answer; is it still running? Your strokes are kept here.";
  return error instanceof Error ? error.message : String(error);
}
