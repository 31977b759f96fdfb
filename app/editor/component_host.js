/**
 * Keeps the editor when Streamlit moves its component. Now and then Streamlit removes the parent element and offers another
 * at once, for example when a script reruns before it has ended. The same editor then moves to the new parent with its slice,
 * zoom and focus, and receives the keys pressed meanwhile.
 */

/** Time without a parent after which an editor is closed. */
const GRACE_MS = 2000;
const KEY_EVENTS = ["keydown", "keyup"];

/**
 * @typedef {object} Mounted
 * @property {HTMLElement} root
 * @property {boolean} focused whether it has the keyboard focus
 * @property {() => void} focus
 * @property {() => void} close
 */

/** @template {Mounted} T */
export class ComponentHost {
  /** @param {() => T} make @param {number} grace milliseconds @param {EventTarget} keys receives every key event of the page */
  constructor(make, grace = GRACE_MS, keys = globalThis.window) {
    this.make = make;
    this.grace = grace;
    this.keys = keys;
    /** Key events while the focused editor has no parent. @type {Event[]} */
    this.pressed = [];
    this.keep = (event) => this.#keep(event);
    /** @type {Map<Node, T>} */
    this.editors = new Map();
    /** The editor without a parent. @type {{editor: T, focused: boolean, timer: any} | null} */
    this.waiting = null;
  }

  /** Return the editor in a parent: the one there, the one without a parent, or a new one. @param {Node} parent */
  mount(parent) {
    const there = this.editors.get(parent);
    if (there !== undefined) return there;
    const { editor, focused } = this.#takeWaiting();
    this.editors.set(parent, editor);
    parent.appendChild(editor.root);
    if (focused) this.#giveKeys(editor);
    return editor;
  }

  /** Take the editor out of a removed parent. @param {Node} parent */
  unmount(parent) {
    const editor = this.editors.get(parent);
    if (editor === undefined) return;
    const { focused } = editor;
    this.editors.delete(parent);
    editor.root.remove();
    this.#closeWaiting();
    this.waiting = { editor, focused, timer: setTimeout(() => this.#closeWaiting(), this.grace) };
    if (focused) for (const name of KEY_EVENTS) this.keys.addEventListener(name, this.keep, true);
  }

  /** Keep a key event for the editor without a parent, unless it belongs to a text field. @param {Event} event */
  #keep(event) {
    if (event.target?.matches?.("input, textarea, select, [contenteditable]")) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    this.pressed.push(event);
  }

  /** @param {T} editor in its new parent */
  #giveKeys(editor) {
    editor.focus();
    for (const event of this.pressed.splice(0)) editor.root.dispatchEvent(new event.constructor(event.type, event));
  }

  #takeWaiting() {
    if (this.waiting === null) return { editor: this.make(), focused: false };
    const { waiting } = this;
    this.#stopWaiting();
    return waiting;
  }

  /** Close the editor without a parent. */
  #closeWaiting() {
    if (this.waiting === null) return;
    this.waiting.editor.close();
    this.#stopWaiting();
    this.pressed = [];
  }

  #stopWaiting() {
    clearTimeout(this.waiting.timer);
    for (const name of KEY_EVENTS) this.keys.removeEventListener(name, this.keep, true);
    this.waiting = null;
  }
}
