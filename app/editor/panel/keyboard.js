/** The keyboard focus: taken when the pointer enters, left to text fields, and kept from Streamlit's own shortcuts. */

import { commandOf, typing } from "./key_bindings.js";

/** Controls reached with the Tab key keep the focus, and the keys that move them. */
const BY_KEYBOARD = "input:focus-visible, select:focus-visible, button:focus-visible";
const OWN_KEYS = [" ", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
/** Commands that repeat while their key is held. */
const REPEATED = ["smaller", "larger", "undo", "redo", "zoomIn", "zoomOut", "previousClass", "nextClass"];

export class Keyboard {
  /**
   * @param {HTMLElement} root @param {(command: string) => void} run
   * @param {(key: "space" | "hide", down: boolean) => void} hold called when a key with an effect while held goes down or up
   */
  constructor(root, run, hold) {
    this.root = root;
    this.run = run;
    this.hold = hold;
    /** Whether it has the focus; unchanged while the root is off the page. */
    this.focused = false;
    root.addEventListener("pointerenter", () => this.grabFocus());
    root.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("select")) this.grabFocus(true);
    });
    for (const name of ["change", "click"]) {
      root.addEventListener(name, (event) => event.target.matches(BY_KEYBOARD) || this.grabFocus(true));
    }
    root.addEventListener("keydown", (event) => this.#down(event));
    root.addEventListener("keyup", (event) => this.#up(event));
    root.addEventListener("focus", () => (this.focused = true));
    root.addEventListener("blur", () => this.#letGo());
  }

  /** Take the focus, unless the user is typing elsewhere on the page. */
  grabFocus(anyway = false) {
    if (anyway || !typing(this.root)) this.root.focus({ preventScroll: true });
  }

  /** Take the focus on a newly opened slice, even from the field where its number was typed. */
  grabFocusOnOpening() {
    this.grabFocus(document.activeElement?.matches("input[type=number]") ?? false);
  }

  #down(event) {
    event.stopPropagation(); // keeps keys such as c and r from Streamlit
    if (typing(this.root)) return;
    if (event.target.matches(BY_KEYBOARD) && OWN_KEYS.includes(event.key)) return;
    if (event.key === " ") {
      event.preventDefault();
      this.hold("space", true);
      return;
    }
    const command = commandOf(event);
    if (command === null) return;
    event.preventDefault();
    if (command === "hide") this.hold("hide", true);
    else if (!event.repeat || REPEATED.includes(command)) this.run(command);
  }

  #up(event) {
    event.stopPropagation();
    if (event.key === " ") this.hold("space", false);
    if (event.key.toLowerCase() === "h") this.hold("hide", false);
  }

  #letGo() {
    if (this.root.isConnected) this.focused = false;
    this.hold("space", false);
    this.hold("hide", false);
  }
}
