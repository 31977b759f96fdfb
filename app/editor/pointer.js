/** Mouse, pen and fingers turned into gestures: paint, draw a box, pan, pinch, hover. */

/** @typedef {"paint" | "erase" | "box" | "pan" | "pinch"} Gesture */
/**
 * @typedef {object} Hands What the gestures do.
 * @property {() => Gesture} tool what the main button does now
 * @property {(kind: Gesture, event: PointerEvent) => void} begin
 * @property {(kind: Gesture, event: PointerEvent) => void} move
 * @property {(kind: Gesture) => void} end
 * @property {() => void} cancel as if it had not begun
 * @property {(event: PointerEvent | null) => void} hover
 * @property {(dx: number, dy: number) => void} pan in CSS pixels
 * @property {(at: {clientX: number, clientY: number}, factor: number) => void} zoom
 */

const WHEEL_STEP = 1.0017;

export class Pointers {
  /** @param {HTMLElement} surface @param {Hands} hands */
  constructor(surface, hands) {
    this.hands = hands;
    /** @type {Gesture | null} */
    this.gesture = null;
    this.space = false;
    /** @type {Map<number, {clientX: number, clientY: number}>} */
    this.fingers = new Map();
    this.owner = -1;
    surface.addEventListener("pointerdown", (event) => this.#down(surface, event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) surface.addEventListener(name, (event) => this.#up(event));
    surface.addEventListener("pointerleave", () => this.hands.hover(null));
    surface.addEventListener("contextmenu", (event) => event.preventDefault());
    surface.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  get busy() {
    return this.gesture !== null;
  }

  #down(surface, event) {
    event.preventDefault();
    surface.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
    if (event.pointerType === "touch" && this.fingers.size === 2) return this.#begin("pinch", event);
    if (this.gesture !== null) return undefined;
    return this.#begin(this.#kind(event), event);
  }

  /** @returns {Gesture} */
  #kind(event) {
    if (event.button === 1 || this.space) return "pan";
    if (event.button === 2 || event.buttons & 32) return "erase"; // 32: the eraser end of a pen
    return this.hands.tool();
  }

  #begin(kind, event) {
    if (this.gesture !== null) this.hands.cancel(); // the first of two fingers was no stroke
    this.gesture = kind;
    this.owner = event.pointerId;
    if (kind !== "pan" && kind !== "pinch") this.hands.begin(kind, event);
  }

  #move(event) {
    const before = this.fingers.get(event.pointerId);
    if (before !== undefined && this.gesture === "pinch") this.#pinch(event, before);
    if (before !== undefined) this.fingers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
    if (event.pointerId === this.owner && this.gesture === "pan" && before !== undefined) {
      this.hands.pan(event.clientX - before.clientX, event.clientY - before.clientY);
    } else if (event.pointerId === this.owner && this.gesture !== null && this.gesture !== "pinch") {
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const each of passed.length > 0 ? passed : [event]) this.hands.move(this.gesture, each);
    }
    this.hands.hover(event.pointerType === "touch" ? null : event);
  }

  /** Two fingers: the point between them stays under them. */
  #pinch(event, before) {
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) return;
    const apart = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
    this.hands.pan((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    this.hands.zoom(middle, apart(event) / Math.max(1, apart(before)));
  }

  #up(event) {
    this.fingers.delete(event.pointerId);
    if (this.gesture === "pinch" && this.fingers.size > 0) return;
    if (this.gesture === null || (event.pointerId !== this.owner && this.gesture !== "pinch")) return;
    const ended = this.gesture;
    this.gesture = null;
    this.hands.end(ended);
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 33 : 1;
    this.hands.zoom(event, WHEEL_STEP ** (-event.deltaY * lines));
  }
}
