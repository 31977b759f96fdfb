/**
 * The editor: mounts into Streamlit's component, builds its parts and connects them.
 *
 * Streamlit calls `mount` again with new data on every rerun of the page. The editor then continues, and keeps its zoom, tool
 * and class on another slice.
 */

import { Appearance } from "./appearance.js";
import { BoxNavigation } from "./box_navigation.js";
import { Choices } from "./choices.js";
import { commandsOf, settingsOf } from "./commands.js";
import { ComponentHost } from "./component_host.js";
import { ImageSection } from "./panel/image_section.js";
import { KeySheet } from "./panel/key_sheet.js";
import { Keyboard } from "./panel/keyboard.js";
import { Panel } from "./panel/panel.js";
import { loadPreferences } from "./panel/preferences.js";
import { PreviewControls } from "./preview_controls.js";
import { Saving } from "./saving/saving.js";
import { Navigation } from "./slice/navigation.js";
import { showSliceInUrl } from "./slice/page_url.js";
import { errorMessage } from "./slice/transport.js";
import { CanvasInput } from "./tools/canvas_input.js";
import { ToolState } from "./tools/tool_state.js";
import { GreyLoader } from "./view/grey_loader.js";
import { Minimap } from "./view/minimap.js";
import { ProposalBoxes } from "./view/proposal_boxes.js";
import { UncertaintyMap } from "./view/uncertainty.js";
import { View } from "./view/view.js";

/** @typedef {import("./slice/navigation.js").Data} Data */
/** @typedef {import("./slice/slice.js").Slice} Slice */

const GREETINGS = {
  draft: "Your strokes are back as you left them; save them when you are done.",
  empty: "No model yet: paint a few strokes of every class, then save strokes.",
};

const host = new ComponentHost(() => new Editor(document.createElement("div")));

/** Mount or update the editor; called by Streamlit on every rerun. */
export function mount(component) {
  const { parentElement } = component;
  host.mount(parentElement).update(component.data, component.setTriggerValue);
  return () => host.unmount(parentElement);
}

export class Editor {
  /** @param {HTMLElement} root */
  constructor(root) {
    root.className = "editor";
    root.tabIndex = 0;
    root.editor = this; // for the console and for benchmarks
    this.root = root;
    this.preferences = loadPreferences();
    this.toolState = new ToolState();
    this.toolState.mode = this.preferences.mode;
    this.toolState.resize(this.preferences.size);
    this.proposalBoxes = new ProposalBoxes();
    this.#buildView();
    this.#buildEditing();
    this.commands = commandsOf(this);
    this.settings = settingsOf(this);
    this.#fillPanel();
    this.guard = (event) => {
      if (this.navigation.slices.unsent) event.preventDefault();
    };
    window.addEventListener("beforeunload", this.guard);
  }

  /** Build the elements, the view and what controls them. */
  #buildView() {
    const { root } = this;
    this.panel = new Panel(root, (command) => this.run(command), (name, value) => this.set(name, value));
    this.view = new View(this.panel.base, this.panel.overlay, () => this.#viewMoved());
    this.minimap = new Minimap(this.panel.stage, this.view);
    this.keySheet = new KeySheet(this.panel.stage);
    this.imageSection = new ImageSection(this.panel.find(".tone"), () => this.#displayChanged());
    this.greyLoader = new GreyLoader(this.view, this.imageSection, (error) => {
      if (this.slice !== null) this.say(errorMessage(error), "problem");
    });
    this.uncertainty = new UncertaintyMap(this.view, (problem) => this.#uncertaintyChanged(problem));
    this.appearance = new Appearance(this);
    this.previewControls = new PreviewControls(this);
    this.preview = this.previewControls.preview;
    this.choices = new Choices(this);
    this.boxNavigation = new BoxNavigation(this);
  }

  /** Build the parts that edit the slice and save it. */
  #buildEditing() {
    const { appearance, panel } = this;
    this.canvasInput = new CanvasInput(panel.overlay, this, {
      ready: () => this.slice !== null && !this.claims.busy,
      painted: () => this.#painted(),
      picked: (id) => this.choices.change(() => this.toolState.chooseClass(id)),
      boxes: () => this.boxNavigation.drawn(),
      outlining: () => appearance.showChoice(),
      unchanged: () => this.#unchanged(),
      moved: () => this.#moved(),
      range: () => appearance.showStatus(),
      failed: (error) => this.say(errorMessage(error), "problem"),
    });
    this.painter = this.canvasInput.painter;
    this.navigation = new Navigation({
      atWork: () => this.atWork,
      leaving: () => this.painter.end(),
      left: () => this.#left(),
      opened: (slice) => this.#opened(slice),
      recalled: () => appearance.showChoice(),
      grey: (slice, signal) => this.greyLoader.load(slice, signal),
      sharp: (slice, signal) => this.#sharp(slice, signal),
      boxes: () => this.boxNavigation.renew(),
      cover: (kind, text) => panel.setCover(kind, text),
      reason: (text) => panel.setReason(text),
      stepped: (z) => this.trigger("step", { z, nonce: Date.now() }),
      state: (state, sentence) => this.#sent(state, sentence),
      refused: (sentence) => this.say(sentence, "problem"),
    });
    this.saving = new Saving(this, {
      idle: () => !this.atWork,
      uncover: () => this.previewControls.uncover(),
      changed: (rect) => this.view.changed(rect),
      painted: () => this.#painted(),
      renewed: () => this.#renewed(),
      saved: (saved) => this.trigger("saved", saved),
      postponed: (place) => this.trigger("put_off", { ...place, nonce: Date.now() }),
      savesChanged: () => this.trigger("step", { z: this.navigation.data.z, nonce: Date.now() }),
    });
    this.claims = this.saving.claims;
    this.undoSteps = this.saving.undoSteps;
    this.suggestions = this.saving.suggestions;
    this.keyboard = new Keyboard(this.root, (command) => this.run(command), (key, down) => this.#hold(key, down));
  }

  #fillPanel() {
    this.panel.setSlider("size", this.toolState.size);
    this.panel.setSlider("tolerance", this.toolState.tolerance);
    this.panel.setSlider("opacity", Math.round(100 * this.preferences.opacity));
    this.panel.setCheck("askSlice", this.preferences.askSlice);
  }

  /** The open slice, or null. */
  get slice() {
    return this.navigation.slice;
  }

  /** Whether a change of the slice is in progress. */
  get atWork() {
    return this.canvasInput.busy || this.claims.busy;
  }

  /** Whether a claim may include unpainted pixels. */
  get fullSliceAllowed() {
    return this.slice !== null && this.toolState.mode === "correct";
  }

  /** Take new data from the page. @param {Data} data @param {(name: string, value: any) => void} trigger */
  update(data, trigger) {
    this.trigger = trigger;
    this.root.style.height = data.height;
    this.navigation.update(data);
  }

  close() {
    this.navigation.close().then(() => window.removeEventListener("beforeunload", this.guard));
    this.saving.sync.close();
    this.view.close();
    this.root.remove();
  }

  /** Whether it has the keyboard focus. */
  get focused() {
    return this.keyboard.focused;
  }

  focus() {
    this.keyboard.grabFocus();
  }

  // ---- events of the slice, passed on to the parts that follow it

  #left() {
    delete this.root.dataset.loaded;
    this.painter.slice = null;
    this.uncertainty.forget();
    this.preview.follow(null);
    this.saving.sync.follow(null);
    this.claims.cancel();
    this.appearance.showStatus();
    this.appearance.showChoice();
  }

  /** @param {Slice} slice */
  #opened(slice) {
    this.painter.slice = slice;
    const { facts, raster } = slice;
    this.toolState.keepTo(facts.classes);
    this.imageSection.setFacts(facts, null);
    this.panel.setClasses(facts.classes);
    this.say(GREETINGS[facts.origin] ?? "");
    this.panel.setState("saved", "");
    this.panel.setCover("");
    this.view.setRaster(raster);
    this.appearance.showLook();
    this.boxNavigation.renew();
    this.saving.sync.follow(slice);
    this.preview.follow(slice);
    showSliceInUrl(this.navigation.data);
    this.keyboard.grabFocusOnOpening();
  }

  /** @param {Slice} slice @param {AbortSignal} signal */
  #sharp(slice, signal) {
    const { volume, z } = this.navigation.data;
    this.root.dataset.loaded = `${volume}/${z}`;
    return this.uncertainty.load(slice, signal);
  }

  /** A stroke was painted, undone or repeated. */
  #painted() {
    this.say("");
    this.appearance.showChoice();
    this.appearance.showStatus();
  }

  /** The server has changed the slice. */
  #renewed() {
    const { width, height } = this.slice.raster;
    this.view.changed({ x0: 0, y0: 0, x1: width, y1: height });
    this.appearance.showBoxes();
    this.appearance.showStatus();
    this.preview.renew();
  }

  // ---- commands and settings

  /** @param {string} command a name, or `name:value` */
  run(command) {
    this.slice?.clock.input();
    if (this.keySheet.open && command !== "sheet") this.keySheet.hide();
    const [name, value] = command.split(":");
    return this.commands[name]?.(value);
  }

  /** Apply a slider, check box or list. @param {string} name @param {string | number | boolean} value */
  set(name, value) {
    this.slice?.clock.input();
    this.settings[name]?.(value);
  }

  // ---- events of the parts

  /** Explain a gesture that changed nothing because of a lock. */
  #unchanged() {
    const { lock } = this.toolState;
    const name = this.slice?.facts.classes.find((c) => c.id === lock)?.name;
    if (name !== undefined) this.say(`Painting is locked to ${name}, and there is none here. Press K to unlock.`);
  }

  /** Show the state of a stroke being sent. */
  #sent(state, sentence) {
    this.panel.setState(state, sentence);
    this.saving.sent(state, sentence);
    if (state === "saved") this.preview.renew();
  }

  #viewMoved() {
    this.appearance.showStatus();
    this.preview.moved();
  }

  /** Show a note over the image. @param {string} text @param {"note" | "problem"} kind */
  say(text, kind = "note") {
    this.panel.setBanner(text, kind);
  }

  /** Apply a change of the image section: the colour table at once, then new grey values if needed. */
  #displayChanged() {
    this.appearance.showLook();
    if (this.slice !== null) this.greyLoader.renew(this.slice, this.navigation.signal);
  }

  /** Show that the heat map has changed, or why there is none. */
  #uncertaintyChanged(problem) {
    if (problem !== "") this.say(problem);
    this.appearance.showChoice();
    this.appearance.showStatus();
  }

  #moved() {
    this.appearance.showRing();
    this.appearance.showStatus();
  }

  /** Handle a key that has an effect while it is held. */
  #hold(key, down) {
    if (key === "hide") return this.appearance.hide(down);
    this.canvasInput.gestures.space = down;
    return this.appearance.showRing();
  }
}
