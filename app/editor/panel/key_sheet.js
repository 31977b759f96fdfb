/** The list of keys, shown over the image; any key or click closes it. */

import { BINDINGS } from "./key_bindings.js";

export class KeySheet {
  /** @param {HTMLElement} stage */
  constructor(stage) {
    this.element = document.createElement("div");
    this.element.className = "sheet";
    this.element.hidden = true;
    this.element.setAttribute("role", "dialog");
    this.element.setAttribute("aria-label", "Keys");
    this.element.innerHTML = `<div class="keys">${groups().map(section).join("")}</div>`;
    this.element.addEventListener("click", () => this.hide());
    stage.append(this.element);
  }

  get open() {
    return !this.element.hidden;
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
  }

  hide() {
    this.element.hidden = true;
  }
}

const LEGEND = "Bright: painted since the last save. Fainter: saved. Faintest: predicted";

function groups() {
  const names = [...new Set(BINDINGS.map((b) => b.group))];
  return names.map((name) => ({ name, rows: BINDINGS.filter((b) => b.group === name) }));
}

function section({ name, rows }) {
  const extra = {
    Classes: line("1 – 9", "Class by its place in the list") + line("Shift+1 – 9", "Classes 10 to 18"),
    View: line("Space", "Hold and drag to pan (also the middle button), or click in the small map") + line("Mask", LEGEND),
  };
  const lines = rows.map((b) => line(b.shown, b.help)).join("");
  return `<section><h3>${name}</h3><dl>${lines}${extra[name] ?? ""}</dl></section>`;
}

const line = (shown, help) => `<div><dt><kbd>${shown}</kbd></dt><dd>${help}</dd></div>`;
