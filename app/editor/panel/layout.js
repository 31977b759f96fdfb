/** The editor's elements as HTML: tool strip, bars, side panel. A button names its command in `data-command`. */

import { LARGEST_BRUSH, SMALLEST_BRUSH } from "../tools/brush.js";
import { icon } from "./icons.js";
import { BINDINGS, tooltip } from "./key_bindings.js";

const MODES = {
  correct: "Correct: start from the prediction or the stored label, and correct it",
  scribble: "Scribble: only what you paint counts; the prediction is not shown",
};

/** Return a button; one without text is named by its tooltip. */
const button = (command, content, kind = "", title = tooltip(command)) => {
  const named = ["icon", "tool"].includes(kind) ? ` aria-label="${title}"` : "";
  return `<button type="button" class="${kind}" data-command="${command}" title="${title}"${named}>${content}</button>`;
};

const tool = (command) => {
  const key = BINDINGS.find((b) => b.command === command)?.shown ?? "";
  return button(command, `${icon(command)}<kbd>${key}</kbd>`, "tool");
};

const slider = (name, label, low, high, value, unit) =>
  `<label class="slider" data-slider="${name}"><span>${label}<output data-shows="${name}">${value}${unit}</output></span>
    <input type="range" data-setting="${name}" min="${low}" max="${high}" value="${value}" data-unit="${unit}"
      aria-label="${label}"></label>`;

const mode = (name, label) => button(`mode:${name}`, label, "", `${MODES[name]} (S switches)`);

const TOP = `
  <div class="bar top">
    <div class="group modes" role="group" aria-label="Mode">${mode("correct", "Correct")}${mode("scribble", "Scribble")}</div>
    <div class="group">${button("undo", icon("undo"), "icon")}${button("redo", icon("redo"), "icon")}</div>
    <div class="group">${button("fit", `${icon("fit")}Fit`)}${button("oneToOne", "1:1", "", "One image pixel per screen pixel")}</div>
    <div class="group">${button("preview", `${icon("preview")}Preview`)}${button("heat", `${icon("heat")}Heat map`)}
      ${button("nextBox", `${icon("next")}Next box`)}</div>
    <div class="group" role="group" aria-label="Not now">${button("skipBox", "Skip box")}${button("skipSlice", "Skip slice")}</div>
    <span class="modeHint"></span>
    <span class="chip" data-state="saved" role="status"
      title="Every stroke is kept at once, even if you close the window. A round learns from saved strokes only.">kept</span>
    ${button("sheet", "?", "icon", "All keys (?)")}
  </div>`;

const STAGE = `
  <div class="stage" tabindex="-1">
    <canvas class="base"></canvas><canvas class="overlay"></canvas>
    <div class="notes">
      <div class="banner" hidden></div>
      <div class="notice" hidden role="status"><span></span><button type="button" class="primary act"></button>
        <button type="button" class="icon" data-command="dismiss" title="Not now" aria-label="Not now">✕</button></div>
    </div>
    <div class="cover"><div class="spinner"></div><p></p><button type="button" data-command="retry">Try again</button></div>
    <div class="confirm" hidden role="alertdialog">
      <p></p><button type="button" class="primary" data-command="confirm">Yes, save (Enter)</button>
      <button type="button" data-command="cancel">No (Esc)</button>
      <label><input type="checkbox" data-setting="dontAsk"> don't ask again</label>
    </div>
  </div>`;

const SIDE = `
  <aside>
    <h3>Class</h3><div class="classes" role="radiogroup" aria-label="Class"></div>
    <h3>Tool</h3>
    ${slider("size", "Size", SMALLEST_BRUSH, LARGEST_BRUSH, 15, " px")}
    ${slider("tolerance", "Grey ±", 1, 127, 20, "")}
    <label class="field" title="${tooltip("lock")}">Paint over<select data-setting="lock" aria-label="Paint over"></select></label>
    <h3 title="Bright: painted since the last save. Fainter: saved. Faintest: predicted. Hold H to hide.">Mask</h3>
    ${slider("opacity", "Opacity", 0, 100, 50, " %")}
    <div class="group switch" role="group" aria-label="Mask style">
      ${button("look:fill", "Fill", "", "Draw the mask as areas")}${button("look:outline", "Outline", "", "Draw the mask as outlines")}
    </div>
    <h3>Suggest a mask</h3>
    <div class="pairs" role="group" aria-label="Suggest a mask">
      ${button("copyPrevious", "Copy previous", "", "Suggest the mask of the previous slice")}
      ${button("copyNext", "Copy next", "", "Suggest the mask of the next slice")}
      ${button("interpolate", "Interpolate labels", "", "Suggest a mask from the labelled slices before and after this one")}
      ${button("takePreview", "Take the preview", "", "Suggest the preview as the mask")}
    </div>
    <p class="hint previewHint"></p>
    <h3 title="The model always sees the raw pixels">Image <small>display only</small></h3><div class="tone"></div>
    <label class="check"><input type="checkbox" data-setting="askSlice" checked> Ask before a whole slice is saved</label>
  </aside>`;

const BOTTOM = `
  <div class="bar bottom">
    <div class="lines"><span class="status" aria-live="off"></span><span class="reason"></span></div>
    <div class="claims">
      ${button("claimStrokes", "Strokes only", "", "Save the strokes, but not the rest of the box")}
      ${button("claimSlice", "Whole slice is right")}
      ${button("save", "Save strokes &amp; next<kbd>Enter</kbd>", "primary", tooltip("claim"))}
    </div>
  </div>`;

/** @param {string[]} tools @returns {string} HTML */
export const layout = (tools) =>
  `${TOP}<div class="middle"><div class="strip" role="toolbar" aria-label="Tools">${tools.map(tool).join("")}</div>${STAGE}${SIDE}</div>${BOTTOM}`;
