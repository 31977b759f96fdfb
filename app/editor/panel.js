/** Everything around the picture: tool bar, class list, sliders, status line. It knows elements, not pixels. */

import { tooltip } from "./keys.js";
import { UNSURE_COLOR } from "./palette.js";
import { LARGEST_BRUSH, SMALLEST_BRUSH } from "./tools.js";

const ICONS = {
  brush: "M14.5 3.5l2 2-8 8-2.6.6.6-2.6zM5 14.5c-1.6 0-2.2 1-2.3 2.8 1.9.2 3.3-.2 3.6-1.7",
  eraser: "M7 16.5h9.5M4.2 11.3l6.6-6.8a1.4 1.4 0 0 1 2 0l3 3a1.4 1.4 0 0 1 0 2l-6.9 7H7.4l-3.2-3.2a1.4 1.4 0 0 1 0-2zM7.6 7.8l5 5",
  box: "M3.5 6V3.5H6M14 3.5h2.5V6M16.5 14v2.5H14M6 16.5H3.5V14M9 3.5h2M9 16.5h2M3.5 9v2M16.5 9v2",
  undo: "M7.5 4L4 7.5 7.5 11M4 7.5h7.5a4.5 4.5 0 0 1 0 9H8",
  redo: "M12.5 4L16 7.5 12.5 11M16 7.5H8.5a4.5 4.5 0 0 0 0 9H12",
  fit: "M3.5 7V3.5H7M13 3.5h3.5V7M16.5 13v3.5H13M7 16.5H3.5V13M7.5 7.5h5v5h-5z",
  heat: "M10 17a4.6 4.6 0 0 0 4.6-4.6c0-3.3-3-4.4-2.6-8.4-2.7 1-3.8 3.2-3.7 5.2C7.4 8.9 7 8 7 7.2c-1 1.3-1.6 3-1.6 5.2A4.6 4.6 0 0 0 10 17z",
  next: "M5.5 4.5l6 5.5-6 5.5M14.5 4.5v11",
};

const icon = (name) =>
  `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${ICONS[name]}" fill="none" stroke="currentColor"
    stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

const button = (command, content, kind = "") =>
  `<button type="button" class="${kind}" data-command="${command}" title="${tooltip(command)}">${content}</button>`;

const slider = (name, label, low, high, value, unit) =>
  `<label class="slider"><span>${label}<output data-shows="${name}">${value}${unit}</output></span>
    <input type="range" data-setting="${name}" min="${low}" max="${high}" value="${value}" data-unit="${unit}"
      aria-label="${label}"></label>`;

const LAYOUT = `
  <div class="bar top">
    <div class="group" role="group" aria-label="Tools">
      ${button("brush", `${icon("brush")}Brush`)}${button("eraser", `${icon("eraser")}Eraser`)}
      ${button("box", `${icon("box")}Box`)}
    </div>
    <div class="group">${button("undo", icon("undo"), "icon")}${button("redo", icon("redo"), "icon")}</div>
    <div class="group">${button("fit", `${icon("fit")}Fit`)}<button type="button" data-command="oneToOne"
      title="One image pixel per screen pixel">1:1</button></div>
    <div class="group">${button("heat", `${icon("heat")}Heat map`)}${button("nextBox", `${icon("next")}Next hot spot`)}</div>
    <span class="reason"></span>
    <span class="chip" data-state="saved" role="status">saved</span>
  </div>
  <div class="middle">
    <div class="stage" tabindex="-1">
      <canvas class="base"></canvas><canvas class="overlay"></canvas>
      <div class="banner" hidden></div>
      <div class="cover"><div class="spinner"></div><p></p><button type="button" data-command="retry">Try again</button></div>
      <div class="confirm" hidden role="alertdialog">
        <p></p><button type="button" class="primary" data-command="confirm">Yes, save (Enter)</button>
        <button type="button" data-command="cancel">No (Esc)</button>
      </div>
    </div>
    <aside>
      <h3>Class</h3><div class="classes" role="radiogroup" aria-label="Class"></div>
      <h3>Brush</h3>${slider("size", "Size", SMALLEST_BRUSH, LARGEST_BRUSH, 15, " px")}
      <h3>Mask</h3>${slider("opacity", "Opacity", 0, 100, 50, " %")}
      <div class="group switch" role="group" aria-label="How the mask is drawn">
        <button type="button" data-command="fill" title="Draw the mask as areas">Fill</button>
        <button type="button" data-command="outline" title="Draw the mask as outlines">Outline</button>
      </div>
      <p class="hint">Hold <kbd>H</kbd> to hide it. Bright: painted since the last save. Faint: predicted or saved.</p>
      <h3>Image</h3><select data-setting="channel" aria-label="Channel" hidden></select>
      ${slider("brightness", "Brightness", -100, 100, 0, "")}${slider("contrast", "Contrast", -100, 100, 0, "")}
    </aside>
  </div>
  <div class="bar bottom">
    <span class="status" aria-live="off"></span>
    <div class="claims">
      ${button("claimBox", "Box is right")}
      ${button("claimSlice", "Whole slice is right")}
      ${button("claimStrokes", "Save strokes &amp; next<kbd>Enter</kbd>", "primary")}
    </div>
  </div>`;

const STATE_WORDS = { saved: "saved", saving: "saving…", retrying: "not saved, retrying", refused: "not saved" };

export class Panel {
  /** @param {HTMLElement} root @param {(command: string) => void} onCommand @param {(name: string, value: string) => void} onSetting */
  constructor(root, onCommand, onSetting) {
    root.innerHTML = LAYOUT;
    this.root = root;
    this.base = /** @type {HTMLCanvasElement} */ (root.querySelector(".base"));
    this.overlay = /** @type {HTMLCanvasElement} */ (root.querySelector(".overlay"));
    this.stage = /** @type {HTMLElement} */ (root.querySelector(".stage"));
    root.querySelector("[data-command=claimBox]").title = "Everything in the drawn or chosen box is right, and the strokes";
    root.addEventListener("click", (event) => {
      const command = event.target.closest("[data-command]")?.dataset.command;
      if (command !== undefined) onCommand(command);
    });
    root.addEventListener("input", (event) => {
      const { setting } = event.target.dataset;
      if (setting !== undefined) onSetting(setting, event.target.value);
    });
  }

  #find(selector) {
    return /** @type {HTMLElement} */ (this.root.querySelector(selector));
  }

  /** @param {import("./palette.js").LabelClass[]} classes */
  setClasses(classes) {
    const list = this.#find(".classes");
    const unsure = { id: 255, name: "unsure", color: UNSURE_COLOR };
    list.replaceChildren(...[...classes, unsure].map((c, place) => this.#classButton(c, place, classes.length)));
  }

  #classButton({ id, name, color }, place, count) {
    const element = document.createElement("button");
    element.type = "button";
    element.dataset.command = place === count ? "unsure" : `class:${place}`;
    element.dataset.class = String(id);
    element.setAttribute("role", "radio");
    const key = place === count ? "U" : String(place + 1);
    element.title = place === count ? tooltip("unsure") : `Paint ${name}${place < 9 ? ` (${key})` : ""}`;
    const swatch = document.createElement("i");
    swatch.style.background = color;
    const label = document.createElement("span");
    label.textContent = name;
    element.append(swatch, label);
    if (place < 9 || place === count) element.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    return element;
  }

  /** @param {string[]} names @param {number} chosen */
  setChannels(names, chosen) {
    const select = /** @type {HTMLSelectElement} */ (this.#find("select"));
    select.hidden = names.length < 2;
    select.replaceChildren(...names.map((name, i) => new Option(name, String(i), i === chosen, i === chosen)));
  }

  /** Show which tool, class and drawing are on. */
  setChoice({ tool, classId, look, heat, canUndo, canRedo, hasBoxes, hasBox, ready }) {
    const pressed = { brush: tool === "brush", eraser: tool === "eraser", box: tool === "box", heat };
    Object.assign(pressed, { fill: !look.outline, outline: look.outline });
    for (const [command, on] of Object.entries(pressed)) {
      this.#find(`[data-command=${command}]`).setAttribute("aria-pressed", String(on));
    }
    for (const element of this.root.querySelectorAll(".classes button")) {
      element.setAttribute("aria-checked", String(tool !== "eraser" && Number(element.dataset.class) === classId));
    }
    const enabled = { undo: canUndo, redo: canRedo, nextBox: ready && hasBoxes, claimBox: ready && hasBox };
    Object.assign(enabled, { heat: ready, claimSlice: ready, claimStrokes: ready });
    for (const [command, on] of Object.entries(enabled)) this.#find(`[data-command=${command}]`).disabled = !on;
  }

  /** @param {string} name @param {number} value */
  setSlider(name, value) {
    const input = /** @type {HTMLInputElement} */ (this.#find(`input[data-setting=${name}]`));
    input.value = String(value);
    this.#find(`[data-shows=${name}]`).textContent = `${value}${input.dataset.unit}`;
  }

  /** @param {string} state @param {string} sentence */
  setState(state, sentence) {
    const chip = this.#find(".chip");
    chip.dataset.state = state;
    chip.textContent = STATE_WORDS[state];
    chip.title = sentence || "Every stroke is stored as soon as the button is up.";
  }

  setReason(text) {
    this.#find(".reason").textContent = text;
    this.#find(".reason").title = text;
  }

  setStatus(text) {
    this.#find(".status").textContent = text;
  }

  /** A note over the picture; an empty one takes it away. @param {string} text @param {"note" | "problem"} kind */
  setBanner(text, kind = "note") {
    const banner = this.#find(".banner");
    banner.hidden = text === "";
    banner.textContent = text;
    banner.dataset.kind = kind;
  }

  /** Cover the picture while there is none. @param {"" | "loading" | "error"} kind @param {string} text */
  setCover(kind, text = "") {
    const cover = this.#find(".cover");
    cover.dataset.kind = kind;
    cover.querySelector("p").textContent = text;
  }

  /** Ask before something large; an empty question takes it away. */
  ask(question) {
    this.#find(".confirm").hidden = question === "";
    this.#find(".confirm p").textContent = question;
  }
}
