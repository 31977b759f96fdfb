/**
 * Undo and redo for one slice. An undo is an action too: it applies the inverse runs of strokes, withdraws the revision of a
 * save, or restores the previous prediction.
 */

import { setBounded } from "./bounded_map.js";

/** @typedef {import("./pixel_changes.js").Action} Action */
/** @typedef {{kind: "strokes"} & Action} Strokes */
/**
 * @typedef {object} Save A stored claim.
 * @property {"save"} kind
 * @property {"strokes" | "region" | "slice"} claim
 * @property {number[] | undefined} box y0, x0, y1, x1
 * @property {number} revision
 * @property {string} [requestId] id of the request to withdraw the save, until the server confirms it
 */
/** @typedef {{kind: "prediction", from: number, to: number}} Prediction Another round's prediction under the strokes. */
/** @typedef {Strokes | Save | Prediction} Step */

export class History {
  /** @param {number} limit number of steps to keep */
  constructor(limit = 200) {
    this.limit = limit;
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
  }

  /** Add a step and forget the undone ones. @param {Step} step */
  push(step) {
    this.done.push(step);
    if (this.done.length > this.limit) this.done.shift();
    this.undone = [];
  }

  /** Insert steps before all others. @param {Step[]} steps */
  precede(steps) {
    this.done = [...steps, ...this.done].slice(-this.limit);
  }

  /** @returns {Step | null} the step to undo */
  undo() {
    const step = this.done.pop() ?? null;
    if (step !== null) this.undone.push(step);
    return step;
  }

  /** @returns {Step | null} the step to repeat */
  redo() {
    const step = this.undone.pop() ?? null;
    if (step !== null) this.done.push(step);
    return step;
  }

  /** Whether there is anything to undo or redo. */
  get known() {
    return this.canUndo || this.canRedo;
  }

  get canUndo() {
    return this.done.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }
}

/** @typedef {{created: string, sequence: number, revision: number | null}} Version of a slice: its project, last action and save */

const MOST_SLICES = 50;

/** The histories of the slices left since the page was loaded. */
export class Histories {
  constructor() {
    /** @type {Map<string, {history: History, version: Version}>} the longest ago first */
    this.kept = new Map();
  }

  /**
   * Keep the history of a slice about to close.
   * @param {string} base address of the slice @param {History} history @param {Version} version
   */
  keep(base, history, version) {
    if (history.known) setBounded(this.kept, base, { history, version }, MOST_SLICES);
    else this.kept.delete(base);
  }

  /**
   * Return the kept history if the slice is unchanged, else a new one: steps fit one state only.
   * @param {string} base @param {Version} version
   */
  of(base, version) {
    const kept = this.kept.get(base);
    const same = (name) => kept.version[name] === version[name];
    return kept !== undefined && ["created", "sequence", "revision"].every(same) ? kept.history : new History();
  }
}
