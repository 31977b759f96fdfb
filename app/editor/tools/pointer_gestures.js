/** Turns events of mouse, pen and fingers into gestures: draw, erase, pan, pinch, hover. */

/** @typedef {"draw" | "erase" | "pan" | "pinch"} Gesture */
/** @typedef {import("./paint_rule.js").StrokeKind} StrokeKind */
/** @typedef {{clientX: number, clientY: number}} ClientPoint */
/**
 * @typedef {object} GestureHandlers
 * @property {(kind: StrokeKind, event: PointerEvent) => void} begin
 * @property {(kind: StrokeKind, event: PointerEvent) => void} move
 * @property {(kind: StrokeKind) => void} end
 * @property {() => void} cancel undo the gesture
 * @property {(event: PointerEvent | null) => void} hover
 * @property {(dx: number, dy: number) => void} pan in CSS pixels
 * @property {(at: ClientPoint, factor: number) => void} zoom
 * @property {(event: MouseEvent) => void} [double] a double click, after the gestures of its two clicks
 */

const WHEEL_STEP = 1.0017;
/** Trackpads report a pinch as a wheel with Ctrl, in small steps. */
const TRACKPAD_STEP = 1.01;
const WHEEL_UNITS = [1, 33, 400]; // pixels, lines, pages
/** Time after the last pen event in which a touch is taken for the palm. */
const PALM_MS = 500;
const ERASER_END = 32;

export class PointerGestures {
  /** @param {HTMLElement} element @param {GestureHandlers} handlers */
  constructor(element, handlers) {
    this.element = element;
    this.handlers = handlers;
    /** @type {Gesture | null} */
    this.gesture = null;
    this.space = false;
    /** The pointer of the current gesture, its button as a bit of `buttons`, and its last position. */
    this.owner = -1;
    this.button = 1;
    /** @type {ClientPoint} */
    this.point = { clientX: 0, clientY: 0 };
    /** @type {Map<number, ClientPoint>} */
    this.fingers = new Map();
    this.penFelt = -Infinity;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    // A pointer lost to the system (pointercancel) or to the page (lost capture) ends its stroke. The stroke stays, where it can
    // be seen and undone; removing it would lose work unasked.
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      element.addEventListener(name, (event) => this.#up(event));
    }
    element.addEventListener("pointerleave", () => this.handlers.hover(null));
    element.addEventListener("dblclick", (event) => this.handlers.double?.(event));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  get busy() {
    return this.gesture !== null;
  }

  #down(event) {
    event.preventDefault();
    if (event.pointerType === "touch" && this.#isStray(event)) return;
    if (event.pointerType === "pen") this.#penDown(event);
    const kind = this.#kind(event);
    if (kind === null) return;
    this.element.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") this.fingers.set(event.pointerId, clientPoint(event));
    if (this.gesture === null) this.#begin(kind, event);
    else if (this.fingers.size === 2 && this.fingers.has(this.owner)) this.#pinchBegins();
  }

  /** Whether a touch is the palm beside a pen, or comes during a gesture of the mouse. */
  #isStray(event) {
    const others = this.gesture !== null && this.gesture !== "pinch" && !this.fingers.has(this.owner);
    return others || event.timeStamp - this.penFelt < PALM_MS;
  }

  /** Cancel a gesture of the fingers: it was the palm, put down before the pen. */
  #penDown(event) {
    this.penFelt = event.timeStamp;
    if (this.gesture === "pinch" || this.fingers.has(this.owner)) this.#takeBack();
    this.fingers.clear();
  }

  /** @returns {Gesture | null} null for buttons without a meaning here */
  #kind(event) {
    if (event.button === 1 || (event.button === 0 && this.space)) return "pan";
    if (event.button === 2 || event.buttons & ERASER_END) return "erase";
    return event.button === 0 ? "draw" : null;
  }

  #begin(kind, event) {
    this.gesture = kind;
    this.owner = event.pointerId;
    this.button = event.buttons & ERASER_END ? ERASER_END : [1, 4, 2][event.button];
    this.point = clientPoint(event);
    if (kind !== "pan") this.handlers.begin(kind, event);
  }

  /** Start a pinch; cancel the stroke begun by the first of two fingers. */
  #pinchBegins() {
    if (this.gesture !== "pinch") this.#takeBack();
    this.gesture = "pinch";
  }

  #takeBack() {
    if (this.gesture === "draw" || this.gesture === "erase") this.handlers.cancel();
    this.gesture = null;
  }

  #move(event) {
    if (event.pointerType === "pen") this.penFelt = event.timeStamp;
    if (event.pointerType === "touch" && !this.fingers.has(event.pointerId)) return;
    if (this.gesture === "pinch") this.#pinch(event);
    else if (this.gesture !== null && event.pointerId === this.owner) this.#goOn(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, clientPoint(event));
    this.handlers.hover(event.pointerType === "touch" ? null : event);
  }

  #goOn(event) {
    // pointerup reports only the last of several buttons, and no button released over a dialog
    if (event.pointerType !== "touch" && (event.buttons & this.button) === 0) return this.#up(event);
    if (this.gesture === "pan") {
      this.handlers.pan(event.clientX - this.point.clientX, event.clientY - this.point.clientY);
      this.point = clientPoint(event);
      return undefined;
    }
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length > 0 ? passed : [event]) this.handlers.move(this.gesture, each);
    return undefined;
  }

  /** Zoom and pan so that the point between two fingers stays under them. */
  #pinch(event) {
    const before = this.fingers.get(event.pointerId);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (before === undefined || other === undefined) return;
    const apart = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
    this.handlers.pan((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    this.handlers.zoom(middle, apart(event) / Math.max(1, apart(before)));
  }

  #up(event) {
    if (event.pointerType === "pen") this.penFelt = event.timeStamp;
    this.fingers.delete(event.pointerId);
    if (this.gesture === "pinch") {
      if (this.fingers.size === 0) this.gesture = null; // a remaining finger draws nothing
    } else if (this.gesture !== null && event.pointerId === this.owner) {
      const ended = this.gesture;
      this.gesture = null;
      if (ended !== "pan") this.handlers.end(ended);
    }
  }

  #wheel(event) {
    event.preventDefault();
    const step = event.ctrlKey ? TRACKPAD_STEP : WHEEL_STEP;
    this.handlers.zoom(event, step ** (-event.deltaY * WHEEL_UNITS[event.deltaMode]));
  }
}

/** @returns {ClientPoint} */
function clientPoint({ clientX, clientY }) {
  return { clientX, clientY };
}
