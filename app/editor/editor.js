/**
 * The editor: mounts into Streamlit's component, opens slices and joins view, hand, claims and transport.
 *
 * Streamlit calls `mount` again with new data on every rerun of the page; the same editor then goes on, and keeps its
 * zoom, tool and class when the slice is another one.
 */

import { Claims } from "./claims.js";
import { commandsOf, settingsOf } from "./commands.js";
import { Doubt } from "./doubt.js";
import { Follower } from "./follower.js";
import { Greys } from "./greys.js";
import { Hand } from "./hand.js";
import { Keyboard } from "./keyboard.js";
import { Minimap } from "./minimap.js";
import { News } from "./news.js";
import { Painter } from "./painter.js";
import { UNSURE_COLOR } from "./palette.js";
import { Panel } from "./panel.js";
import { Pointers } from "./pointer.js";
import { recalled, remember } from "./preferences.js";
import { Sheet } from "./sheet.js";
import { Slices } from "./slices.js";
import { Spots } from "./spots.js";
import { pixelAt, Probe, statusText } from "./status.js";
import { Steps } from "./steps.js";
import { Tone } from "./tone.js";
import { snap } from "./tools.js";
import { Refused, sentenceOf } from "./transport.js";
import { View } from "./view.js";

/**
 * @typedef {object} Data What the page hands over.
 * @property {string} base address of the slice's routes
 * @property {number} volume
 * @property {number} z
 * @property {[number, number]} shape height and width of the slice
 * @property {string} token
 * @property {number[][]} boxes y0, x0, y1, x1
 * @property {string | null} proposal why this slice, in words
 * @property {string} height CSS height of the editor
 */

const GREETINGS = {
  draft: "Your strokes are back as you left them; save them when you are done.",
  empty: "No model yet: paint a few strokes of every class, then save strokes.",
};

/** @type {WeakMap<Node, Editor>} */
const editors = new WeakMap();

/** Called by Streamlit, again on every rerun. */
export function mount(component) {
  const parent = component.parentElement;
  let editor = editors.get(parent);
  if (editor === undefined) {
    const root = document.createElement("div");
    root.className = "editor";
    root.tabIndex = 0;
    parent.appendChild(root);
    editor = new Editor(root, () => editors.delete(parent));
    editors.set(parent, editor);
    root.editor = editor; // for the console, and for benchmarks
  }
  editor.update(component.data, component.setTriggerValue);
  return () => editor.close();
}

export class Editor {
  /** @param {HTMLElement} root @param {() => void} onClose */
  constructor(root, onClose) {
    this.root = root;
    this.onClose = onClose;
    /** @type {Data | null} */
    this.data = null;
    this.follower = new Follower();
    this.depth = 0;
    this.preferences = recalled();
    this.hand = new Hand();
    this.hand.mode = this.preferences.mode;
    this.hand.resize(this.preferences.size);
    this.hidden = false;
    this.spots = new Spots();
    this.pointer = null;
    this.#build();
    this.commands = commandsOf(this);
    this.settings = settingsOf(this);
    this.#fillPanel();
    this.guard = (event) => {
      if (this.slices.unsent) event.preventDefault();
    };
    window.addEventListener("beforeunload", this.guard);
  }

  /** The open slice, or null. */
  get slice() {
    return this.slices.current;
  }

  #build() {
    const { root } = this;
    this.slices = new Slices({
      leaving: () => this.painter.end(),
      left: () => this.#left(),
      opened: (slice) => this.#opened(slice),
      grey: (slice, signal) => this.greys.load(slice, signal),
      state: (state, sentence) => this.panel.setState(state, sentence),
      refused: (sentence, here) => this.#refused(sentence, here),
    });
    this.panel = new Panel(root, (command) => this.run(command), (name, value) => this.set(name, value));
    this.view = new View(this.panel.base, this.panel.overlay, () => this.#showStatus());
    this.minimap = new Minimap(this.panel.stage, this.view);
    this.sheet = new Sheet(this.panel.stage);
    this.tone = new Tone(this.panel.find(".tone"), () => this.#toned());
    this.greys = new Greys(this.view, this.tone, (error) => this.slice && this.panel.setBanner(sentenceOf(error), "problem"));
    this.doubt = new Doubt(this.view, (problem) => {
      if (problem !== "") this.panel.setBanner(problem);
      this.#showChoice();
      this.#showStatus();
    });
    this.probe = new Probe(() => this.#showStatus());
    this.news = new News((notice) => this.panel.setNotice(notice));
    this.claims = new Claims({
      slice: () => this.slice,
      region: () => this.spots.region,
      quiet: () => !this.#atWork,
      wholeAllowed: () => this.hand.mode === "correct",
      asks: () => this.preferences.askSlice,
      ask: (question) => this.panel.ask(question),
      saved: (slice, answer) => this.#saved(slice, answer),
      reopen: () => this.open(),
      changed: (slice) => this.#changed(slice),
      failed: (error) => this.#notSaved(error),
    });
    this.steps = new Steps({
      slice: () => this.slice,
      quiet: () => !this.#atWork,
      claims: this.claims,
      painted: (rect) => this.view.changed(rect),
      say: (text, kind) => this.panel.setBanner(text, kind),
      offer: (notice) => this.panel.setNotice(notice),
      done: () => this.#painted(),
    });
    this.painter = new Painter({
      painted: (rect) => this.view.changed(rect),
      finished: () => this.#painted(),
      drawn: (box) => this.#drawn(box),
      picked: (id) => this.choose(() => this.hand.choose(id)),
      path: (points) => this.#drawPath(points),
      range: () => this.#showStatus(),
      failed: (error) => this.panel.setBanner(sentenceOf(error), "problem"),
    });
    this.pointers = new Pointers(this.panel.overlay, {
      begin: (kind, event) => this.#begin(kind, event),
      move: (_kind, event) => this.painter.move(this.view.toImage(event)),
      end: () => this.painter.end(),
      cancel: () => this.painter.cancel(),
      hover: (event) => this.#hover(event),
      pan: (dx, dy) => this.view.panBy(dx, dy),
      zoom: (at, factor) => this.view.zoomAt(at, factor),
      double: () => this.painter.close(),
    });
    this.keyboard = new Keyboard(root, (command) => this.run(command), (key, down) => this.#hold(key, down));
  }

  #fillPanel() {
    this.panel.setSlider("size", this.hand.size);
    this.panel.setSlider("tolerance", this.hand.tolerance);
    this.panel.setSlider("opacity", Math.round(100 * this.preferences.opacity));
    this.panel.setCheck("askSlice", this.preferences.askSlice);
  }

  // ---- slices come and go

  /** New data from the page. @param {Data} data @param {(name: string, value: any) => void} trigger */
  update(data, trigger) {
    this.trigger = trigger;
    this.root.style.height = data.height;
    if (!this.follower.pageIsAt(data.z)) return;
    const before = this.data;
    this.data = data;
    this.panel.setReason(data.proposal ?? "");
    if (before?.base !== data.base) this.open();
    else if (JSON.stringify(before.boxes) !== JSON.stringify(data.boxes)) this.#setBoxes();
  }

  /** Open the slice that the page wants. */
  async open() {
    this.panel.setCover("loading", `Loading slice ${this.data.z} …`);
    const opening = this.slices.open(() => this.data);
    const { signal } = this.slices;
    try {
      const slice = await opening;
      if (signal.aborted) return;
      this.root.dataset.loaded = `${this.data.volume}/${this.data.z}`;
      await this.doubt.load(slice, signal);
    } catch (error) {
      if (!signal.aborted) this.panel.setCover("error", sentenceOf(error));
    }
  }

  close() {
    this.slices.close().then(() => window.removeEventListener("beforeunload", this.guard));
    this.news.close();
    this.view.close();
    this.root.remove();
    this.onClose();
  }

  #left() {
    delete this.root.dataset.loaded;
    this.painter.slice = null;
    this.doubt.forget();
    this.news.follow(null);
    this.claims.cancel();
    this.#showStatus();
    this.#showChoice();
  }

  /** @param {import("./slice.js").Slice} slice */
  #opened(slice) {
    this.painter.slice = slice;
    const { facts, raster } = slice;
    this.depth = facts.depth;
    this.hand.fit(facts.classes);
    this.tone.setFacts(facts, null);
    this.panel.setClasses(facts.classes);
    this.panel.setBanner(GREETINGS[facts.origin] ?? "");
    this.panel.setState("saved", "");
    this.panel.setCover("");
    this.view.setRaster(raster);
    this.#setLook();
    this.#setBoxes();
    this.news.follow(slice);
  }

  /** Open a slice of the volume at once and tell the page, which follows; strokes on their way arrive meanwhile. */
  goTo(z) {
    if (this.#atWork || z < 0 || z >= this.depth) return;
    const forPage = this.follower.stepTo(z);
    const base = this.data.base.replace(/[^/]+$/, String(z));
    this.data = { ...this.data, base, z, boxes: [], proposal: null };
    this.panel.setReason("");
    this.open();
    this.trigger("step", { step: forPage, nonce: Date.now() });
  }

  // ---- commands and settings

  /** @param {string} command a name, or `name:value` */
  run(command) {
    this.slice?.clock.input();
    if (this.sheet.open && command !== "sheet") this.sheet.hide();
    const [name, value] = command.split(":");
    return this.commands[name]?.(value);
  }

  /** A slider, box or list was moved. @param {string} name @param {string | number | boolean} value */
  set(name, value) {
    this.slice?.clock.input();
    this.settings[name]?.(value);
  }

  /** @param {Partial<import("./preferences.js").Preferences>} part */
  prefer(part) {
    Object.assign(this.preferences, part);
    remember(this.preferences);
    this.#setLook();
    this.#showRing();
  }

  setMode(mode) {
    this.hand.mode = mode;
    this.claims.cancel();
    this.prefer({ mode });
  }

  choose(change) {
    const { tool } = this.hand;
    change();
    if (this.hand.tool !== tool) this.painter.cancel();
    this.#showChoice();
    this.#showRing();
  }

  chooseClass(place) {
    const chosen = this.slice?.facts.classes[place];
    if (chosen !== undefined) this.choose(() => this.hand.choose(chosen.id));
  }

  classUnderCursor() {
    const pixel = this.slice && this.pointer ? pixelAt(this.slice.raster, this.view.toImage(this.pointer)) : null;
    return pixel === null ? null : this.slice.raster.mask[pixel[1] * this.slice.raster.width + pixel[0]];
  }

  // ---- how it looks

  #setLook() {
    const { opacity, outline } = this.preferences;
    const look = { ...this.tone.look, opacity, outline, hidden: this.hidden, mode: this.hand.mode };
    if (this.slice !== null) this.view.setLook(this.slice.facts.classes, look);
    this.#showChoice();
  }

  /** The image section changed: what the table can do is done at once, the rest is asked for. */
  #toned() {
    this.#setLook();
    if (this.slice !== null) this.greys.renew(this.slice, this.slices.signal);
  }

  // ---- hot boxes

  #setBoxes() {
    this.spots.set(this.data.boxes);
    this.#showBoxes();
  }

  nextBox() {
    const rect = this.spots.next();
    if (rect !== null) this.view.show(rect);
    this.#showBoxes();
  }

  #showBoxes() {
    this.view.boxes = this.spots.boxes;
    this.view.redrawOverlay();
    this.#showChoice();
  }

  // ---- gestures

  get #atWork() {
    return this.pointers.busy || this.painter.busy || this.claims.busy;
  }

  #begin(kind, event) {
    if (this.slice === null || this.claims.busy) return;
    this.slice.clock.input();
    this.painter.begin(kind, this.view.toImage(event), this.#reaching, event);
  }

  /** The hand at the zoom of the view: how near a click must come to a corner, and the box there is. */
  get #reaching() {
    this.hand.reach = (8 * devicePixelRatio) / this.view.camera.scale;
    this.hand.box = this.spots.drawn;
    return this.hand;
  }

  #painted() {
    this.panel.setBanner("");
    this.#showChoice();
    this.#showStatus();
  }

  #drawn(box) {
    this.spots.draw(box);
    this.#showBoxes();
  }

  #drawPath(points) {
    this.view.path = points;
    this.view.redrawOverlay();
  }

  #hover(event) {
    this.pointer = event === null ? null : { clientX: event.clientX, clientY: event.clientY };
    if (event !== null) this.slice?.clock.input();
    this.painter.hover(event && this.view.toImage(event), this.#reaching, event ?? {});
    this.#showRing();
    this.#showStatus();
  }

  /** A key that counts while it is down. */
  #hold(key, down) {
    if (key === "space") {
      this.pointers.space = down;
      this.#showRing();
    } else if (this.hidden !== down) {
      this.hidden = down;
      this.#setLook();
    }
  }

  /** Take back what is begun, the latest first: a stroke or polygon, a question, a box. */
  cancel() {
    if (this.painter.busy) return this.painter.cancel();
    if (this.claims.asking) return this.claims.cancel();
    this.spots.clear();
    return this.#showBoxes();
  }

  /** @param {"undo" | "redo"} which */
  step(which) {
    return this.painter.busy ? this.painter.cancel() : this.steps.step(which);
  }

  /** @param {string} query */
  suggest(query) {
    if (this.hand.mode === "scribble") this.setMode("correct"); // scribbling would hide it
    return this.steps.suggest(query, this.slices.signal);
  }

  dismiss() {
    this.news.decline();
    this.panel.setNotice(null);
  }

  // ---- what claims and transport report

  /** @param {import("./slice.js").Slice} slice which may have been left by now @param {any} answer */
  #saved({ api: { base } }, answer) {
    const [volume, z] = base.split("/").slice(-2).map(Number);
    this.steps.savedLast = { base, z };
    this.trigger("saved", { volume, z, ...answer });
  }

  /** The server did something with the whole slice, and it was loaded anew. @param {Slice} slice */
  #changed(slice) {
    this.panel.setState("saved", "");
    this.panel.setBanner("");
    this.spots.clear();
    this.view.changed({ x0: 0, y0: 0, x1: slice.raster.width, y1: slice.raster.height });
    this.#showBoxes();
    this.news.look();
  }

  #notSaved(error) {
    const again = error instanceof Refused ? "" : " Press the button again to retry.";
    this.panel.setState(this.slice.outbox.unsent ? "retrying" : "saved", "");
    this.panel.setBanner(sentenceOf(error) + again, "problem");
  }

  /** The server said no to a stroke: the slice is shown as it is stored. */
  async #refused(sentence, here) {
    if (here) await this.open();
    this.panel.setBanner(sentence, "problem");
  }

  // ---- what the person sees

  #showChoice() {
    const { hand, slice, spots } = this;
    const ready = slice !== null;
    const whole = ready && hand.mode === "correct";
    this.panel.setChoice({
      hand,
      box: whole && spots.region !== null,
      pressed: { heat: this.doubt.shown, "look:fill": !this.preferences.outline, "look:outline": this.preferences.outline },
      enabled: {
        undo: slice?.history.canUndo ?? false,
        redo: slice?.history.canRedo ?? false,
        nextBox: ready && spots.hot.length > 0,
        heat: ready,
        claim: ready,
        claimSlice: whole,
        copyPrevious: ready && this.data.z > 0,
        copyNext: ready && this.data.z < this.depth - 1,
        interpolate: ready,
      },
    });
  }

  #showRing() {
    const { hand, pointers } = this;
    this.view.ring = null;
    if (this.pointer !== null && this.slice !== null && hand.round && !pointers.space) {
      const color = hand.tool === "eraser" || hand.tool === "restore" ? "#ffffff" : this.#color(hand.classId);
      this.view.ring = { ...snap(this.view.toImage(this.pointer), hand.size), size: hand.size, color };
    }
    this.root.dataset.cursor = pointers.space ? "pan" : hand.round ? "brush" : "cross";
    this.view.redrawOverlay();
  }

  #color(id) {
    return this.slice.facts.classes.find((c) => c.id === id)?.color ?? UNSURE_COLOR;
  }

  #showStatus() {
    if (this.slice === null) return this.panel.setStatus("");
    const place = this.pointer === null ? null : this.view.toImage(this.pointer);
    this.probe.at(this.slice, pixelAt(this.slice.raster, place));
    const { scale } = this.view.camera;
    return this.panel.setStatus(
      statusText({ slice: this.slice, z: this.data.z, place, scale, doubt: this.doubt.map, raw: this.probe.raw }),
    );
  }
}
