/**
 * Where an editor stands on the page. Streamlit now and then takes a component's place away and gives it another at once, as
 * when its script is run again before it has ended: the same editor then goes on there, with its slice, zoom and keyboard, and
 * gets the keys that were pressed meanwhile.
 */

/** So long after its place was taken away an editor is closed. */
const PATIENCE_MS = 2000;
const KEY_EVENTS = ["keydown", "keyup"];

/**
 * @typedef {object} Guest
 * @property {HTMLElement} root
 * @property {boolean} focused whether it has the keyboard
 * @property {() => void} focus
 * @property {() => void} close
 */

/** @template {Guest} T */
export class ComponentHost {
  /** @param {() => T} make @param {number} patience milliseconds @param {EventTarget} keys where every key press passes */
  constructor(make, patience = PATIENCE_MS, keys = globalThis.window) {
    this.make = make;
    this.patience = patience;
    this.keys = keys;
    /** Pressed and released while the editor that had the keyboard has no place. @type {Event[]} */
    this.pressed = [];
    this.keep = (event) => this.#keep(event);
    /** @type {Map<Node, T>} */
    this.places = new Map();
    /** Who has no place for the moment. @type {{guest: T, focused: boolean, timer: any} | null} */
    this.waiting = null;
  }

  /** The editor at a place: the one that is there, the one that waits for a place, or a new one. @param {Node} parent */
  at(parent) {
    const there = this.places.get(parent);
    if (there !== undefined) return there;
    const { guest, focused } = this.#called();
    this.places.set(parent, guest);
    parent.appendChild(guest.root);
    if (focused) this.#giveKeys(guest);
    return guest;
  }

  /** A place is taken away. @param {Node} parent */
  leave(parent) {
    const guest = this.places.get(parent);
    if (guest === undefined) return;
    const { focused } = guest;
    this.places.delete(parent);
    guest.root.remove();
    this.#send();
    this.waiting = { guest, focused, timer: setTimeout(() => this.#send(), this.patience) };
    if (focused) for (const name of KEY_EVENTS) this.keys.addEventListener(name, this.keep, true);
  }

  /** A key for the editor that has no place for the moment; a text field keeps its own. @param {Event} event */
  #keep(event) {
    if (event.target?.matches?.("input, textarea, select, [contenteditable]")) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    this.pressed.push(event);
  }

  /** @param {T} guest who has a place again */
  #giveKeys(guest) {
    guest.focus();
    for (const event of this.pressed.splice(0)) guest.root.dispatchEvent(new event.constructor(event.type, event));
  }

  #called() {
    if (this.waiting === null) return { guest: this.make(), focused: false };
    const { waiting } = this;
    this.#stopWaiting();
    return waiting;
  }

  /** Whoever waits goes for good. */
  #send() {
    if (this.waiting === null) return;
    this.waiting.guest.close();
    this.#stopWaiting();
    this.pressed = [];
  }

  #stopWaiting() {
    clearTimeout(this.waiting.timer);
    for (const name of KEY_EVENTS) this.keys.removeEventListener(name, this.keep, true);
    this.waiting = null;
  }
}
