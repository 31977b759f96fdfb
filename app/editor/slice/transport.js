/** Requests to the server: slices are fetched; numbered actions are sent, each stored once and none lost. */

import { splitRuns, toBytes } from "./wire.js";

/** The server refused the request for what it says; sending it again would not help. */
export class Refused extends Error {}

/**
 * Statuses of a request that is wrong in itself. Any other may pass: a missing key (401), a token of another workspace (403),
 * a project whose disk is away (404, 503), a fault of the app (500). What is queued is kept and sent again.
 */
const REFUSED = [400, 405, 409, 413];

/** Return the error of a failed response: its sentence, and by its class whether to retry. @param {Response} response */
async function failure(response) {
  const said = await response.json().catch(() => ({}));
  const sentence = said.error ?? `The app answered ${response.status}.`;
  return REFUSED.includes(response.status) ? new Refused(sentence) : new Error(sentence);
}

/** Requests about one slice. */
export class Api {
  /** @param {string} base address of the slice @param {() => string} token */
  constructor(base, token) {
    this.base = base;
    this.token = token;
    /** When the project was made whose slice is loaded; the server refuses a change for another project of its name. */
    this.created = "";
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
    const headers = {
      "X-Underpaint-Token": this.token(),
      "X-Underpaint-Created": this.created,
      "Content-Type": "application/octet-stream",
    };
    // keepalive: a stroke being sent survives the closing of the page
    const response = await fetch(`${this.base}/${path}`, { method: "POST", body, headers, keepalive: small });
    if (!response.ok) throw await failure(response);
    return response.json();
  }
}

/** Return an identifier that nobody else makes, 128 random bits; `crypto.randomUUID` is missing on pages over plain HTTP. */
export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Parse the JSON of a response. @param {ArrayBuffer} bytes */
export const parseJson = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

/** Measures working time in milliseconds; stops during a pause longer than `pause`. */
export class ActiveClock {
  constructor(pause = 30000, now = () => performance.now()) {
    this.pause = pause;
    this.now = now;
    this.last = now();
    this.worked = 0;
  }

  /** Note an input of the user. */
  input() {
    const now = this.now();
    this.worked += Math.min(now - this.last, this.pause);
    this.last = now;
  }

  /** Return the time worked since the last call, in whole milliseconds. */
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

/** The user has given up a request that waited for the server. */
export class GivenUp extends Error {}

/** Repeats a request until the server answers or the user gives up. */
export class Retrier {
  /** @param {(sentence: string) => void} waits called at every failure @param {(milliseconds: number) => Promise<void>} wait */
  constructor(waits, wait = pause) {
    this.waits = waits;
    this.wait = wait;
    /** Ends the current wait; does nothing without one. @type {() => void} */
    this.giveUp = () => {};
  }

  /**
   * Run a job until it succeeds; do not repeat one that the server refused.
   * @template T @param {() => Promise<T>} job may run twice if an answer was lost @returns {Promise<T>}
   */
  async until(job) {
    const wanted = { still: true };
    const givenUp = new Promise((_, reject) => {
      this.giveUp = () => reject(new GivenUp("Given up: your request was not carried out. Your strokes are kept."));
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
 * Sends the actions of one slice, one at a time and in order.
 * State: "saved", "saving", "retrying" (not stored yet) or "refused" (by the server; the remaining actions are dropped).
 */
export class Outbox {
  /**
   * @param {(path: string, body: Uint8Array) => Promise<any>} post
   * @param {number} sequence number of the last action on the server
   * @param {(state: string, sentence: string) => void} onState
   * @param {(milliseconds: number) => Promise<void>} wait
   */
  constructor(post, sequence, onState, wait = pause) {
    this.post = post;
    this.sequence = sequence;
    /** The round of the prediction under the actions, 0 for none. @type {number | null} */
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

  /** Queue an action and start sending. @param {Uint32Array} runs @param {number} activeMs */
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

  /** Resolve once everything is stored; throw the server's refusal. */
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

/** Return an error as a sentence for the user. @param {unknown} error */
export function errorMessage(error) {
  if (error instanceof TypeError) return "The app does not answer; is it still running? Your strokes are kept here.";
  return error instanceof Error ? error.message : String(error);
}
