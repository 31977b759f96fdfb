/** Undo and redo: a step back is an action like any other, made of the inverse runs. */

/** @typedef {import("./raster.js").Action} Action */

export class History {
  /** @param {number} limit steps kept */
  constructor(limit = 200) {
    this.limit = limit;
    /** @type {Action[]} */
    this.done = [];
    /** @type {Action[]} */
    this.undone = [];
  }

  /** A new action; what was undone before is gone. @param {Action} action */
  push(action) {
    this.done.push(action);
    if (this.done.length > this.limit) this.done.shift();
    this.undone = [];
  }

  /** @returns {Uint32Array | null} runs that take the last action back */
  undo() {
    const action = this.done.pop();
    if (action === undefined) return null;
    this.undone.push(action);
    return action.inverse;
  }

  /** @returns {Uint32Array | null} runs that do the last undone action again */
  redo() {
    const action = this.undone.pop();
    if (action === undefined) return null;
    this.done.push(action);
    return action.forward;
  }

  get canUndo() {
    return this.done.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }
}
