/**
 * Undo and redo on one slice. A step back is an action like any other: strokes are undone by the inverse runs, a save by
 * taking the revision back, a changed prediction by the one before.
 */

import { setBounded } from "./bounded_map.js";

/** @typedef {import("./pixel_changes.js").Action} Action */
/** @typedef {{kind: "strokes"} & Action} Strokes */
/**
 * @typedef {object} Save A claim that was stored.
 * @property {"save"} kind
 * @property {"strokes" | "region" | "slice"} claim
 * @property {number[] | undefined} box y0, x0, y1, x1
 * @property {number} revision
 * @property {string} [wish] the id under which the server was asked to take it back, until that is done
 */
/** @typedef {{kind: "prediction", from: number, to: number}} Prediction Another round's prediction under the strokes. */
/** @typedef {Strokes | Save | Prediction} Step */

export class History {
  /** @param {number} limit steps kept */
  constructor(limit = 200) {
    this.limit = limit;
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
  }

  /** A new step; what was undone before is gone. @param {Step} step */
  push(step) {
    this.done.push(step);
    if (this.done.length > this.limit) this.done.shift();
    this.undone = [];
  }

  /** Steps that came before all others. @param {Step[]} steps */
  precede(steps) {
    this.done = [...steps, ...this.done].slice(-this.limit);
  }

  /** @returns {Step | null} the step to take back */
  undo() {
    const step = this.done.pop() ?? null;
    if (step !== null) this.undone.push(step);
    return step;
  }

  /** @returns {Step | null} the step to do again */
  redo() {
    const step = this.undone.pop() ?? null;
    if (step !== null) this.done.push(step);
    return step;
  }

  /** Whether anything is in it. */
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

const MOST_SLICES = 50;

/** The histories of the slices that were left, for as long as the page is open. */
export class Histories {
  constructor() {
    /** @type {Map<string, {history: History, sequence: number, revision: number | null}>} the longest ago first */
    this.kept = new Map();
  }

  /** @param {string} base address of the slice @param {History} history @param {{sequence: number, revision: number | null}} state */
  keep(base, history, { sequence, revision }) {
    if (history.known) setBounded(this.kept, base, { history, sequence, revision }, MOST_SLICES);
    else this.kept.delete(base);
  }

  /** The history of a slice that comes back as it was left, else a new one: steps fit no other state. */
  of(base, { sequence, revision }) {
    const kept = this.kept.get(base);
    const fits = kept !== undefined && kept.sequence === sequence && kept.revision === revision;
    return fits ? kept.history : new History();
  }
}
