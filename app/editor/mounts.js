/**
 * Where an editor stands on the page. Streamlit now and then takes a component's place away and gives it another at once, as
 * when its script is run again before it has ended: the same editor then goes on there, with its slice, zoom and keyboard.
 */

/** So long after its place was taken away an editor is closed. */
const PATIENCE_MS = 2000;

/**
 * @typedef {object} Guest
 * @property {HTMLElement} root
 * @property {boolean} focused whether it has the keyboard
 * @property {() => void} focus
 * @property {() => void} close
 */

/** @template {Guest} T */
export class Mounts {
  /** @param {() => T} make @param {number} patience milliseconds */
  constructor(make, patience = PATIENCE_MS) {
    this.make = make;
    this.patience = patience;
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
    if (focused) guest.focus();
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
  }

  #called() {
    if (this.waiting === null) return { guest: this.make(), focused: false };
    const { waiting } = this;
    clearTimeout(waiting.timer);
    this.waiting = null;
    return waiting;
  }

  /** Whoever waits goes for good. */
  #send() {
    if (this.waiting === null) return;
    clearTimeout(this.waiting.timer);
    this.waiting.guest.close();
    this.waiting = null;
  }
}
