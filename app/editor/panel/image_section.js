/** The image section of the panel: channels, window and other display settings. It handles elements, not pixels. */

import { DisplaySettings } from "../view/display_settings.js";
import { drawHistogram, placeOf, valueAt, valueText } from "./histogram.js";

/** @typedef {import("../view/display_settings.js").Histogram} Histogram */

/** Most steps of a handle; integer data have no more than their values. */
const STEPS = 1024;
/** Keys that move a focused slider, check box or list; elsewhere in the editor they have other meanings. */
const OWN_KEYS = [" ", "Enter", "Home", "End", "PageUp", "PageDown"];

const handle = (edge, label) =>
  `<input type="range" class="handle" data-tone="${edge}" min="0" max="${STEPS}" aria-label="${label}"
    value="${edge === "low" ? 0 : STEPS}">`;

const preset = (name, text, title) =>
  `<button type="button" data-preset="${name}" title="${title}" aria-pressed="${name === "auto"}">${text}</button>`;

const slider = (name, label, low, high, value) =>
  `<label class="slider" data-slider="${name}"><span>${label}<output></output></span>
    <input type="range" data-tone="${name}" min="${low}" max="${high}" value="${value}" aria-label="${label}"></label>`;

const LAYOUT = `
  <div data-only="channels"><label class="field">Channel<select data-tone="channel"></select></label>
    <label class="field">Blend in<select data-tone="second"></select></label></div>
  <div data-only="second">${slider("mix", "Share", 0, 100, 50)}</div>
  <div class="histogram"><canvas role="img" aria-label="Histogram of grey values"></canvas>
    ${handle("low", "Shown black")}${handle("high", "Shown white")}</div>
  <p class="ends"><output></output><output></output></p>
  <div class="group switch" role="group" aria-label="Window of grey values">
    ${preset("auto", "Auto", "Auto (0.5–99.5 %): each slice in its own window, with 0.5 % of its pixels clipped at either end")}
    ${preset("narrow", "1–99 %", "Each slice in its own window, with 1 % of its pixels clipped at either end")}
    ${preset("full", "Full", "From the darkest to the brightest pixel of every slice")}
  </div>
  ${slider("gamma", "Gamma", -100, 100, 0)}
  <div class="checks"><label class="check"><input type="checkbox" data-tone="invert"> Invert</label>
    <label class="check" title="Smooth noise, for display only"><input type="checkbox" data-tone="smooth"> Smooth</label></div>`;

export class ImageSection {
  /** @param {HTMLElement} container @param {() => void} onChange called when `look` or `display` has changed */
  constructor(container, onChange) {
    container.classList.add("tone");
    container.innerHTML = LAYOUT;
    this.container = container;
    this.onChange = onChange;
    this.settings = new DisplaySettings();
    /** @type {HTMLCanvasElement} */
    this.canvas = container.querySelector("canvas");
    container.addEventListener("input", (event) => this.#moved(event.target));
    container.addEventListener("change", (event) => this.#letGo(event));
    container.addEventListener("click", (event) => this.#clicked(event.target.closest("[data-preset]")));
    container.addEventListener("keydown", keepOwnKeys);
    this.#show();
  }

  /** The grey values to load. */
  get display() {
    return this.settings.display;
  }

  /** What the colour table does to the loaded values. */
  get look() {
    return this.settings.look;
  }

  /**
   * Take the facts or the histogram of a slice; null changes nothing.
   * @param {{channels: string[]} | null} facts @param {Histogram | null} histogram
   */
  setFacts(facts, histogram) {
    const before = JSON.stringify([this.look, this.display]);
    if (facts !== null) this.#setChannels(facts.channels);
    if (histogram !== null) this.settings.setHistogram(histogram);
    this.#show();
    if (JSON.stringify([this.look, this.display]) !== before) this.onChange();
  }

  /** Note which display the loaded grey values belong to. @param {import("../view/display_settings.js").Display} display */
  loaded(display) {
    if (this.settings.loaded(display)) this.onChange();
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #input(name) {
    return this.container.querySelector(`[data-tone=${name}]`);
  }

  /** @param {string[]} names */
  #setChannels(names) {
    const { settings } = this;
    if (settings.channel >= names.length) settings.setChannel(0);
    if ((settings.second ?? 0) >= names.length) settings.second = null;
    const options = names.map((name, i) => new Option(name, String(i)));
    this.#input("channel").replaceChildren(...options);
    this.#input("second").replaceChildren(new Option("none", ""), ...options.map((option) => option.cloneNode(true)));
  }

  /** Apply a moving slider as far as the colour table can. @param {HTMLInputElement} input */
  #moved(input) {
    const { settings } = this;
    const { tone } = input.dataset;
    if (tone === "low" || tone === "high") this.#moveWindow(tone);
    else if (tone === "gamma") settings.gamma = gammaOf(Number(input.value));
    else if (tone === "invert") settings.invert = input.checked;
    else if (tone === "mix") return this.#say("mix", `${input.value} %`);
    else return undefined;
    this.#show();
    return this.onChange();
  }

  /** Apply a released slider, a check box or a list, with a request to the server if needed. */
  #letGo(event) {
    const { settings } = this;
    const input = /** @type {HTMLInputElement} */ (event.target);
    const { tone } = input.dataset;
    if (input.matches(":focus-visible")) event.stopPropagation(); // the control keeps the keyboard focus
    if (tone === "low" || tone === "high") settings.applyWindow();
    else if (tone === "mix") settings.mix = Number(input.value);
    else if (tone === "smooth") settings.smooth = input.checked;
    else if (tone === "channel") settings.setChannel(Number(input.value));
    else if (tone === "second") settings.second = input.value === "" ? null : Number(input.value);
    else return;
    this.#show();
    this.onChange();
  }

  /** @param {HTMLElement | null} button */
  #clicked(button) {
    if (button === null) return;
    this.settings.choose(/** @type {any} */ (button.dataset.preset));
    this.#show();
    this.onChange();
  }

  /** Move a handle, but not past the other one. */
  #moveWindow(edge) {
    const { histogram, window } = this.settings;
    const input = this.#input(edge);
    if (histogram === null || window === null) return;
    const other = Number(this.#input(edge === "low" ? "high" : "low").value);
    const steps = stepsOf(histogram);
    const apart = Math.ceil(steps / 256);
    const place = edge === "low" ? Math.min(Number(input.value), other - apart) : Math.max(Number(input.value), other + apart);
    input.value = String(place);
    const value = valueAt(histogram, place / steps);
    this.settings.move(edge === "low" ? [value, window[1]] : [window[0], value]);
  }

  #show() {
    const { settings, container } = this;
    const several = this.#input("channel").options?.length > 1;
    container.querySelector("[data-only=channels]").hidden = !several;
    container.querySelector("[data-only=second]").hidden = settings.second === null;
    this.#input("channel").value = String(settings.channel);
    this.#input("second").value = settings.second === null ? "" : String(settings.second);
    for (const option of this.#input("second").options) option.disabled = option.value === String(settings.channel);
    this.#say("gamma", settings.gamma.toFixed(2));
    this.#say("mix", `${settings.mix} %`);
    for (const button of container.querySelectorAll("[data-preset]")) {
      button.setAttribute("aria-pressed", String(button.dataset.preset === settings.preset));
    }
    this.#showWindow();
  }

  #showWindow() {
    const { histogram, window, gamma, invert } = this.settings;
    if (histogram === null || window === null) return;
    const ends = this.container.querySelectorAll(".ends output");
    ["low", "high"].forEach((edge, i) => {
      const [input, text] = [this.#input(edge), valueText(window[i])];
      input.max = String(stepsOf(histogram));
      input.value = String(Math.round(placeOf(histogram, window[i]) * stepsOf(histogram)));
      input.setAttribute("aria-valuetext", text);
      ends[i].textContent = text;
    });
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth > 0) {
      this.canvas.width = Math.round(clientWidth * devicePixelRatio);
      this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    }
    drawHistogram(this.canvas, histogram, window, gamma, invert);
  }

  #say(name, text) {
    this.container.querySelector(`[data-slider=${name}] output`).textContent = text;
    this.#input(name).setAttribute("aria-valuetext", text);
  }
}

function stepsOf({ dtype, low, high }) {
  return dtype.startsWith("uint") ? Math.min(STEPS, high - low) : STEPS;
}

/** Return gamma from 0.2 to 5, in perceptually even steps. @param {number} place -100 to 100 */
function gammaOf(place) {
  return 5 ** (place / 100);
}

/** Leave the keys that move a control to it when it was focused by keyboard. */
function keepOwnKeys(event) {
  if (!event.target.matches("input:focus-visible, select:focus-visible, button:focus-visible")) return;
  if (OWN_KEYS.includes(event.key) || event.key.startsWith("Arrow")) event.stopPropagation();
}
