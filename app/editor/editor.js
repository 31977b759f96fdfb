/**
 * The editor: mounts into Streamlit's component, opens slices and joins view, tools, history and transport.
 *
 * Streamlit calls `mount` again with new data on every rerun of the page; the same editor then goes on, and keeps its
 * zoom, tool and class when the slice is another one.
 */

import { Follower } from "./follower.js";
import { Keyboard } from "./keyboard.js";
import { Painter } from "./painter.js";
import { heatCanvas, UNSURE_COLOR } from "./palette.js";
import { Panel } from "./panel.js";
import { Pointers } from "./pointer.js";
import { UNSURE } from "./raster.js";
import { Slice } from "./slice.js";
import { Spots } from "./spots.js";
import { statusText } from "./status.js";
import { LARGEST_BRUSH, nextSize, SMALLEST_BRUSH, snap } from "./tools.js";
import { Api, Refused } from "./transport.js";
import { View } from "./view.js";

/**
 * @typedef {object} Data What the page hands over.
 * @property {string} base address of the slice's routes
 * @property {number} volume
 * @property {number} z
 * @property {[number, number]} shape height and width of the slice
 * @property {string} token
 * @property {number[][]} boxes y0, x0, y1, x1
 * @property {string | null} proposal
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
    /** @type {Slice | null} */
    this.slice = null;
    /** Slices whose last strokes are still on their way. @type {Set<Slice>} */
    this.leaving = new Set();
    this.tool = "brush";
    this.classId = 1;
    this.size = 15;
    this.channel = 0;
    this.look = { opacity: 0.5, outline: false, hidden: false, brightness: 0, contrast: 0 };
    this.heatOn = false;
    this.spots = new Spots();
    this.pointer = null;
    this.claiming = false;
    this.asking = false;
    this.loading = new AbortController();
    this.panel = new Panel(root, (command) => this.run(command), (name, value) => this.set(name, value));
    this.view = new View(this.panel.base, this.panel.overlay, () => this.#showStatus());
    this.painter = new Painter({
      painted: (rect) => this.view.changed(rect),
      finished: () => this.#painted(),
      drawn: (box) => this.#drawn(box),
    });
    this.pointers = new Pointers(this.panel.overlay, {
      tool: () => ({ brush: "paint", eraser: "erase", box: "box" })[this.tool],
      begin: (kind, event) => this.#begin(kind, event),
      move: (_kind, event) => this.painter.move(this.view.toImage(event)),
      end: () => this.painter.end(),
      cancel: () => this.painter.cancel(),
      hover: (event) => this.#hover(event),
      pan: (dx, dy) => this.view.panBy(dx, dy),
      zoom: (at, factor) => this.view.zoomAt(at, factor),
    });
    this.keyboard = new Keyboard(root, (command) => this.run(command), (key, down) => this.#hold(key, down));
    this.guard = (event) => {
      if (this.slice?.outbox.unsent || this.leaving.size > 0) event.preventDefault();
    };
    window.addEventListener("beforeunload", this.guard);
  }

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

  /** Open the slice that the page wants, as the server has it now. */
  async open() {
    this.loading.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    this.#leave();
    this.panel.setCover("loading", `Loading slice ${this.data.z} …`);
    const api = new Api(this.data.base, () => this.data.token);
    try {
      await this.#arrived(this.data.base);
      const slice = new Slice(api, this.data.shape, (state, sentence) => this.#sent(slice, state, sentence));
      const mask = slice.loadMask(signal).then(() => signal.aborted || this.#show(slice));
      const grey = slice.loadGrey(this.channel, this.view.camera.visible(), signal, (rect) => this.view.changed(rect));
      await Promise.all([mask, grey]);
      this.root.dataset.loaded = `${this.data.volume}/${this.data.z}`;
      if (this.heatOn) await this.#loadHeat();
    } catch (error) {
      if (!signal.aborted) this.panel.setCover("error", sentenceOf(error));
    }
  }

  close() {
    this.loading.abort();
    this.#leave();
    this.view.close();
    this.root.remove();
    this.onClose();
    const sent = [...this.leaving].map((slice) => slice.outbox.flush());
    Promise.all(sent).then(() => window.removeEventListener("beforeunload", this.guard));
  }

  /** Wait for strokes that are still on their way to a slice that was left, so that it comes back with them. */
  async #arrived(base) {
    const same = [...this.leaving].filter((slice) => slice.api.base === base);
    await Promise.all(same.map((slice) => slice.outbox.flush()));
  }

  #leave() {
    delete this.root.dataset.loaded;
    this.painter.end();
    if (this.slice?.outbox.unsent) this.leaving.add(this.slice);
    this.slice = null;
    this.painter.slice = null;
    this.view.heat = null;
    this.asking = false;
    this.panel.ask("");
    this.#showStatus();
    this.#showChoice();
  }

  /** @param {Slice} slice */
  #show(slice) {
    this.slice = slice;
    this.painter.slice = slice;
    const { facts } = slice;
    this.depth = facts.depth;
    if (!facts.classes.some((c) => c.id === this.classId) && this.classId !== UNSURE) this.classId = facts.classes[1].id;
    if (this.channel >= facts.channels.length) this.channel = 0;
    this.panel.setClasses(facts.classes);
    this.panel.setChannels(facts.channels, this.channel);
    this.panel.setBanner(GREETINGS[facts.origin] ?? "");
    this.panel.setState("saved", "");
    this.panel.setCover("");
    this.view.setRaster(slice.raster);
    this.#setLook({});
    this.#setBoxes();
  }

  // ---- commands and settings

  /** @param {string} command a name from the table of keys, or of a button */
  run(command) {
    this.slice?.clock.input();
    if (command.startsWith("class:")) return this.#chooseClass(Number(command.slice(6)));
    const work = {
      brush: () => this.#choose({ tool: "brush" }),
      eraser: () => this.#choose({ tool: "eraser" }),
      box: () => this.#choose({ tool: "box" }),
      unsure: () => this.#choose({ tool: "brush", classId: UNSURE }),
      smaller: () => this.set("size", nextSize(this.size, -1)),
      larger: () => this.set("size", nextSize(this.size, 1)),
      undo: () => this.#step("undo"),
      redo: () => this.#step("redo"),
      fit: () => this.view.fit(),
      oneToOne: () => this.view.zoom(() => 1),
      zoomIn: () => this.view.zoom((scale) => scale * 1.4),
      zoomOut: () => this.view.zoom((scale) => scale / 1.4),
      fill: () => this.#setLook({ outline: false }),
      outline: () => this.#setLook({ outline: true }),
      heat: () => this.#toggleHeat(),
      nextBox: () => this.#nextBox(),
      previousSlice: () => this.#go(-1),
      nextSlice: () => this.#go(1),
      claimStrokes: () => (this.asking ? this.run("confirm") : this.#claim("strokes")),
      claimBox: () => this.#claim("region"),
      claimSlice: () => this.#ask(),
      confirm: () => this.#claim("slice"),
      cancel: () => this.#cancel(),
      retry: () => this.open(),
    }[command];
    return work?.();
  }

  /** A slider or list was moved. @param {string} name @param {string | number} value */
  set(name, value) {
    this.slice?.clock.input();
    const number = Number(value);
    if (name === "channel") return this.#setChannel(number);
    if (name === "size") this.size = Math.min(LARGEST_BRUSH, Math.max(SMALLEST_BRUSH, number));
    else this.#setLook({ [name]: name === "opacity" ? number / 100 : number });
    this.panel.setSlider(name, name === "size" ? this.size : number);
    return this.#showRing();
  }

  #choose(choice) {
    Object.assign(this, choice);
    this.#showChoice();
    this.#showRing();
  }

  #chooseClass(place) {
    const chosen = this.slice?.facts.classes[place];
    if (chosen !== undefined) this.#choose({ tool: "brush", classId: chosen.id });
  }

  #setLook(part) {
    Object.assign(this.look, part);
    if (this.slice !== null) this.view.setLook(this.slice.facts.classes, this.look);
    this.#showChoice();
  }

  async #setChannel(channel) {
    this.channel = channel;
    const { signal } = this.loading;
    const view = this.view.camera.visible();
    await this.slice?.loadGrey(channel, view, signal, (rect) => this.view.changed(rect)).catch((error) => {
      if (!signal.aborted) this.panel.setBanner(sentenceOf(error), "problem");
    });
  }

  #step(which) {
    if (this.pointers.busy || this.claiming) return;
    this.painter.step(which);
    this.#showChoice();
  }

  /** Open a neighbouring slice at once and tell the page, which follows; strokes on their way arrive meanwhile. */
  #go(step) {
    if (this.pointers.busy || this.claiming) return;
    const z = this.data.z + step;
    if (z < 0 || z >= this.depth) return;
    const forPage = this.follower.stepTo(z);
    const base = this.data.base.replace(/[^/]+$/, String(z));
    this.data = { ...this.data, base, z, boxes: [], proposal: null };
    this.panel.setReason("");
    this.open();
    this.trigger("step", { step: forPage, nonce: Date.now() });
  }

  // ---- hot boxes and heat map

  #setBoxes() {
    this.spots.set(this.data.boxes);
    this.#showBoxes();
  }

  #nextBox() {
    const rect = this.spots.next();
    if (rect !== null) this.view.show(rect);
    this.#showBoxes();
  }

  #showBoxes() {
    this.view.boxes = this.spots.boxes;
    this.view.redrawOverlay();
    this.#showChoice();
  }

  async #toggleHeat() {
    this.heatOn = !this.heatOn;
    this.#showChoice();
    if (this.heatOn) await this.#loadHeat();
    else this.view.heat = null;
    this.view.redraw();
  }

  async #loadHeat() {
    const { slice } = this;
    try {
      const { facts, body } = await slice.heat(this.loading.signal);
      if (slice !== this.slice || !this.heatOn) return;
      this.view.heat = heatCanvas(body, facts.width, facts.height);
      this.view.redraw();
    } catch (error) {
      if (slice !== this.slice) return;
      this.heatOn = false;
      this.panel.setBanner(sentenceOf(error));
      this.#showChoice();
    }
  }

  // ---- gestures

  #begin(kind, event) {
    if (this.slice === null || this.claiming) return;
    this.slice.clock.input();
    this.painter.begin(kind, this.view.toImage(event), this.classId, this.size);
  }

  #painted() {
    this.panel.setBanner("");
    this.#showChoice();
  }

  #drawn(box) {
    this.spots.draw(box);
    this.#showBoxes();
  }

  #hover(event) {
    this.pointer = event === null ? null : { clientX: event.clientX, clientY: event.clientY };
    if (event !== null) this.slice?.clock.input();
    this.#showRing();
    this.#showStatus();
  }

  // ---- claims

  #ask() {
    if (this.slice === null || this.claiming) return;
    this.asking = true;
    const { width, height } = this.slice.raster;
    this.panel.ask(`Is every one of the ${(width * height).toLocaleString("en")} pixels right, also where you painted nothing?`);
  }

  #cancel() {
    this.asking = false;
    this.panel.ask("");
    this.spots.clear();
    this.#showBoxes();
  }

  /** @param {"strokes" | "region" | "slice"} kind */
  async #claim(kind) {
    this.asking = false;
    this.panel.ask("");
    if (this.slice === null || this.claiming || this.pointers.busy) return;
    const box = kind === "region" ? this.spots.region : null;
    if (kind === "region" && box === null) return;
    const { slice, data } = this;
    this.claiming = true;
    this.panel.setState("saving", "");
    try {
      const answer = await slice.claim(kind, box === null ? undefined : [box.y0, box.x0, box.y1, box.x1]);
      this.trigger("saved", { volume: data.volume, z: data.z, ...answer });
      if (slice === this.slice) this.#settle();
    } catch (error) {
      if (slice === this.slice) this.#notSaved(error);
    } finally {
      this.claiming = false;
    }
  }

  /** The strokes are a label now: they begin anew on this slice, should the page stay here. */
  #settle() {
    this.slice.settle();
    this.panel.setState("saved", "");
    this.panel.setBanner("");
    this.spots.clear();
    this.view.changed({ x0: 0, y0: 0, x1: this.slice.raster.width, y1: this.slice.raster.height });
    this.#showBoxes();
  }

  #notSaved(error) {
    const again = error instanceof Refused ? "" : " Press the button again to retry.";
    this.panel.setState(this.slice.outbox.unsent ? "retrying" : "saved", "");
    this.panel.setBanner(sentenceOf(error) + again, "problem");
  }

  /** An outbox reports, of this slice or of one that was left. */
  #sent(slice, state, sentence) {
    if (!slice.outbox.unsent) this.leaving.delete(slice);
    const shown = this.leaving.size > 0 ? "retrying" : (this.slice?.outbox.state ?? "saved");
    this.panel.setState(slice === this.slice ? state : shown, sentence);
    if (state !== "refused") return;
    const told = () => this.panel.setBanner(sentence, "problem");
    if (slice === this.slice) this.open().then(told);
    else told();
  }

  // ---- what the person sees

  #showChoice() {
    const { tool, classId, look, slice } = this;
    this.panel.setChoice({
      tool,
      classId,
      look,
      heat: this.heatOn,
      canUndo: slice?.history.canUndo ?? false,
      canRedo: slice?.history.canRedo ?? false,
      hasBoxes: this.spots.hot.length > 0,
      hasBox: this.spots.region !== null,
      ready: slice !== null,
    });
  }

  #showRing() {
    this.view.ring = null;
    if (this.pointer !== null && this.slice !== null && this.tool !== "box" && !this.pointers.space) {
      const color = this.tool === "eraser" ? "#ffffff" : this.#color(this.classId);
      this.view.ring = { ...snap(this.view.toImage(this.pointer), this.size), size: this.size, color };
    }
    this.root.dataset.cursor = this.pointers.space ? "pan" : this.tool === "box" ? "box" : "brush";
    this.view.redrawOverlay();
  }

  #color(id) {
    return this.slice.facts.classes.find((c) => c.id === id)?.color ?? UNSURE_COLOR;
  }

  #showStatus() {
    const place = this.pointer === null ? null : this.view.toImage(this.pointer);
    this.panel.setStatus(this.slice === null ? "" : statusText(this.slice, this.data.z, place, this.view.camera.scale));
  }

  /** A key that counts while it is down. */
  #hold(key, down) {
    if (key === "space") {
      this.pointers.space = down;
      this.#showRing();
    } else if (this.look.hidden !== down) {
      this.#setLook({ hidden: down });
    }
  }
}

/** @param {unknown} error */
function sentenceOf(error) {
  if (error instanceof TypeError) return "The app does not answer; is it still running? Your strokes are kept here.";
  return error instanceof Error ? error.message : String(error);
}
