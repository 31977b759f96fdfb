/** Everything around the image: tool strip, class list, sliders, notes, status line. It handles elements, not pixels. */

import { UNSURE } from "../slice/raster.js";
import { TOOLS } from "../tools/tool_state.js";
import { UNSURE_COLOR } from "../view/palette.js";
import { classKey, tooltip } from "./key_bindings.js";
import { layout } from "./layout.js";

const STATE_WORDS = { saved: "kept", saving: "keeping…", retrying: "not kept, retrying", refused: "not kept" };
const MODE_HINTS = { correct: "", scribble: "Only strokes count" };
const ENTER_WORDS = { polygon: "Close the polygon", box: "Box is right &amp; next", strokes: "Save strokes &amp; next" };
/** The command of the tool `fill`, whose name is taken by the mask style `fill`. */
const COMMAND_OF = { fill: "flood" };

/**
 * @typedef {object} Notice A message with a button, shown above the picture.
 * @property {"others" | "elsewhere" | "prediction" | "back"} kind
 * @property {string} text
 * @property {string} [command] what the button runs; without it, the notice has no button
 * @property {string} [label] the button's text
 */

export class Panel {
  /**
   * @param {HTMLElement} root @param {(command: string) => void} onCommand
   * @param {(name: string, value: string | boolean) => void} onSetting
   */
  constructor(root, onCommand, onSetting) {
    root.innerHTML = layout(TOOLS.map((tool) => COMMAND_OF[tool] ?? tool));
    this.root = root;
    this.base = /** @type {HTMLCanvasElement} */ (this.find(".base"));
    this.overlay = /** @type {HTMLCanvasElement} */ (this.find(".overlay"));
    this.stage = this.find(".stage");
    root.addEventListener("click", (event) => {
      const command = event.target.closest("[data-command]")?.dataset.command;
      if (command !== undefined) onCommand(command);
    });
    root.addEventListener("input", (event) => {
      const { setting } = event.target.dataset;
      const value = event.target.type === "checkbox" ? event.target.checked : event.target.value;
      if (setting !== undefined) onSetting(setting, value);
    });
  }

  /** @param {string} selector @returns {HTMLElement} */
  find(selector) {
    return /** @type {HTMLElement} */ (this.root.querySelector(selector));
  }

  /** @param {import("../view/palette.js").LabelClass[]} classes */
  setClasses(classes) {
    const unsure = { id: UNSURE, name: "unsure", color: UNSURE_COLOR };
    const list = this.find(".classes");
    list.dataset.many = String(classes.length > 9);
    list.replaceChildren(...[...classes, unsure].map((c, place) => this.#classButton(c, place, classes.length)));
    const choices = [["", "everything"], ...classes.map((c) => [String(c.id), `only ${c.name}`]), [String(UNSURE), "only unlabelled"]];
    this.find("select[data-setting=lock]").replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
  }

  #classButton({ id, name, color }, place, count) {
    const element = document.createElement("button");
    element.type = "button";
    element.dataset.command = place === count ? "unsure" : `class:${place}`;
    element.dataset.class = String(id);
    element.setAttribute("role", "radio");
    const key = place === count ? { shown: "U", help: "U" } : classKey(place);
    element.title = place === count ? tooltip("unsure") : `Paint ${name} (${key?.help ?? "↑ and ↓ step through the classes"})`;
    const swatch = document.createElement("i");
    swatch.style.background = color;
    const label = document.createElement("span");
    label.textContent = name;
    element.append(swatch, label);
    if (key !== null) element.append(Object.assign(document.createElement("kbd"), { textContent: key.shown }));
    return element;
  }

  /**
   * Show which controls are pressed and enabled.
   * @param {object} choice
   * @param {import("../tools/tool_state.js").ToolState} choice.toolState
   * @param {Record<string, boolean>} choice.pressed by command
   * @param {Record<string, boolean>} choice.enabled by command
   * @param {"polygon" | "box" | "strokes"} choice.enter what Enter closes or saves
   */
  setChoice({ toolState, pressed, enabled, enter }) {
    const tools = Object.fromEntries(TOOLS.map((tool) => [COMMAND_OF[tool] ?? tool, toolState.tool === tool]));
    const modes = { "mode:correct": toolState.mode === "correct", "mode:scribble": toolState.mode === "scribble" };
    for (const [command, on] of Object.entries({ ...tools, ...modes, ...pressed })) {
      this.#button(command).setAttribute("aria-pressed", String(on));
    }
    for (const element of this.root.querySelectorAll(".classes button")) this.#check(element, toolState);
    for (const [command, on] of Object.entries(enabled)) this.#button(command).disabled = !on;
    this.root.dataset.mode = toolState.mode;
    this.find(".modeHint").textContent = MODE_HINTS[toolState.mode];
    this.#enable("size", toolState.hasRing);
    this.#enable("tolerance", toolState.tool === "range");
    this.find("select[data-setting=lock]").value = toolState.lock === null ? "" : String(toolState.lock);
    this.find(".claims [data-command=save]").innerHTML = `${ENTER_WORDS[enter]}<kbd>Enter</kbd>`;
    this.find(".claims [data-command=claimStrokes]").hidden = enter !== "box";
  }

  /** Mark a chosen class, and scroll a newly chosen one into view. */
  #check(element, toolState) {
    const on = String(toolState.paintsClass && Number(element.dataset.class) === toolState.classId);
    if (element.getAttribute("aria-checked") === on) return;
    element.setAttribute("aria-checked", on);
    if (on === "true") element.scrollIntoView({ block: "nearest" });
  }

  #button(command) {
    return /** @type {HTMLButtonElement} */ (this.find(`.bar [data-command="${command}"], .strip [data-command="${command}"], aside [data-command="${command}"]`));
  }

  /** Enable a slider; a disabled one keeps its place. */
  #enable(name, on) {
    /** @type {HTMLInputElement} */ (this.find(`input[data-setting=${name}]`)).disabled = !on;
  }

  /** @param {string} name @param {number} value */
  setSlider(name, value) {
    const input = /** @type {HTMLInputElement} */ (this.find(`input[data-setting=${name}]`));
    input.value = String(value);
    this.find(`[data-shows=${name}]`).textContent = `${value}${input.dataset.unit}`;
  }

  /** @param {string} name @param {boolean} on */
  setCheck(name, on) {
    /** @type {HTMLInputElement} */ (this.find(`input[data-setting=${name}]`)).checked = on;
  }

  /** Show what the preview was made from, or why there is none. @param {string} sentence */
  setPreviewHint(sentence) {
    this.find(".previewHint").textContent = sentence;
    this.find(".previewHint").title = sentence;
  }

  /** @param {string} state @param {string} sentence */
  setState(state, sentence) {
    const chip = this.find(".chip");
    chip.dataset.state = state;
    chip.textContent = STATE_WORDS[state];
    chip.title = sentence || "Every stroke is stored as soon as the button is up.";
  }

  setReason(text) {
    this.find(".reason").textContent = text;
    this.find(".reason").title = text;
  }

  setStatus(text) {
    this.find(".status").textContent = text;
  }

  /** Show a note over the image; an empty text removes it. @param {string} text @param {"note" | "problem"} kind */
  setBanner(text, kind = "note") {
    const banner = this.find(".banner");
    banner.hidden = text === "";
    banner.textContent = text;
    banner.dataset.kind = kind;
  }

  /** Remove a note; a problem stays. */
  clearNote() {
    if (this.find(".banner").dataset.kind === "note") this.setBanner("");
  }

  /** Show a notice; null removes it. @param {Notice | null} notice */
  setNotice(notice) {
    const element = this.find(".notice");
    element.hidden = notice === null;
    element.dataset.kind = notice?.kind ?? "";
    element.querySelector("span").textContent = notice?.text ?? "";
    const act = /** @type {HTMLElement} */ (element.querySelector(".act"));
    act.hidden = notice?.command === undefined;
    act.dataset.command = notice?.command ?? "";
    act.textContent = notice?.label ?? "";
  }

  /** Cover the image while there is none. @param {"" | "loading" | "error"} kind @param {string} text */
  setCover(kind, text = "") {
    const cover = this.find(".cover");
    cover.dataset.kind = kind;
    cover.querySelector("p").textContent = text;
  }

  /** Ask for confirmation; an empty question removes it. */
  ask(question) {
    this.find(".confirm").hidden = question === "";
    this.find(".confirm p").textContent = question;
  }
}
