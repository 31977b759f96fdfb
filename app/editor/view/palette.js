/** Colours: one table from (state, class, grey) to a screen pixel, so that a slider rebuilds the table, not the slice. */

import { UNSURE } from "../slice/raster.js";

/** @typedef {{id: number, name: string, color: string}} LabelClass */
/**
 * @typedef {object} Look How a slice is shown.
 * @property {number} opacity of the mask, 0 to 1
 * @property {boolean} outline draw borders instead of areas
 * @property {boolean} hidden show no mask at all
 * @property {"correct" | "scribble"} mode scribbling shows what a person labelled, and no prediction
 * @property {number} low loaded grey value that is shown black
 * @property {number} high loaded grey value that is shown white
 * @property {number} gamma above 1 lifts the shadows
 * @property {boolean} invert
 */

export const UNSURE_COLOR = "#8a6fb8";

/** States of a pixel: `touched | saved << 1`, and one that is neither but previewed. */
export const STATES = 5;
export const PREVIEWED = 4;
/** What a person painted is shown strongest, what is saved fainter, what the model says faintest. */
const SHARES = [0.6, 1.2, 0.85, 1.2, 0.6];
/** Background is the absence of colour: a trace of it where a person labelled it, none where the model did. */
const BACKGROUND_SHARES = [0, 0.45, 0.2, 0.45, 0];
/** A trace is not seen on grey, so labelled background is striped too: so strongly, by state. */
const STRIPE_SHARES = { correct: [0, 0.7, 0, 0.7, 0], scribble: [0, 0.7, 0.3, 0.7, 0] };
/** The table's row for a stripe; no class has this id. */
export const STRIPE = 254;
const OUTLINE_SHARES = [0.75, 1, 0.9, 1, 0.75];
/** What lies along an outline is darkened: a thin line of a colour as bright as the grey around it would not be seen. */
const BESIDE_OUTLINE = 0.5;

/** @param {string} color `#rrggbb` @returns {[number, number, number]} */
export function rgb(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

/** A loaded grey value as it is shown: window, gamma, inversion. @param {number} grey 0 to 255 @param {Look} look */
export function displayedGrey(grey, { low, high, gamma, invert }) {
  const share = Math.max(0, Math.min(1, (grey - low) / Math.max(1e-6, high - low))) ** (1 / gamma);
  return Math.round(255 * (invert ? 1 - share : share));
}

/** What a pixel counts as on the screen: its class, or UNSURE where it is bare. @param {number} id @param {number} state */
function shownClass(id, state, mode) {
  return mode === "scribble" && state === 0 ? UNSURE : id;
}

/** How strongly a pixel's class is painted over its grey, 0 to 1. */
function strength(id, state, look) {
  if (look.hidden || (state === 0 && shownClass(id, state, look.mode) === UNSURE)) return 0;
  if (look.outline) return id === 0 ? 0 : OUTLINE_SHARES[state];
  const shares = id === 0 ? BACKGROUND_SHARES : SHARES;
  return Math.min(1, shares[state] * look.opacity);
}

/** Pixels without a class, by their grey value. @param {Look} look @param {number} light less than 1 darkens them */
export function bareTable(look, light = 1) {
  return Uint32Array.from({ length: 256 }, (_, grey) => {
    const shown = light * displayedGrey(grey, look);
    return pixel(shown, shown, shown);
  });
}

/**
 * The table: entry `state << 16 | class << 8 | grey` is a pixel of ImageData (little-endian RGBA). With outlines, it is
 * for the pixels on both sides of a border.
 * @param {LabelClass[]} classes @param {Look} look @returns {Uint32Array}
 */
export function buildTable(classes, look) {
  const table = new Uint32Array(STATES << 16);
  const greys = Uint8Array.from({ length: 256 }, (_, grey) => displayedGrey(grey, look));
  const bare = bareTable(look, look.outline && !look.hidden ? BESIDE_OUTLINE : 1);
  for (let row = 0; row < table.length; row += 256) table.set(bare, row); // also classes that nobody knows
  for (const { id, color } of [...classes, { id: UNSURE, color: UNSURE_COLOR }]) {
    for (let state = 0; state < STATES; state += 1) {
      const share = strength(id, state, look);
      if (share > 0) table.set(tinted(greys, rgb(color), share), (state << 16) | (id << 8));
    }
  }
  const [{ color }] = classes;
  for (let state = 0; state < STATES; state += 1) {
    const row = (state << 16) | (STRIPE << 8);
    table.set(striped(greys, rgb(color), strength(0, state, look), stripe(state, look)), row);
  }
  return table;
}

/** How strongly a stripe differs from what it lies on, 0 to 1. */
function stripe(state, { hidden, mode, opacity }) {
  return hidden ? 0 : STRIPE_SHARES[mode][state] * Math.min(1, 2 * opacity);
}

/** The background as it is shown, dark greys made lighter and light ones darker. */
function striped(greys, [r, g, b], share, much) {
  return Uint32Array.from(greys, (grey) => {
    const [base, end] = [(1 - share) * grey, grey < 128 ? 255 : 0];
    return pixel(...[r, g, b].map((part) => (1 - much) * (base + share * part) + much * end));
  });
}

/** The class of every `state << 8 | class` as it is shown, to tell where borders are. @param {Look} look */
export function buildShown({ mode }) {
  return Uint8Array.from({ length: STATES << 8 }, (_, key) => shownClass(key & 255, key >> 8, mode));
}

/** @param {Uint8Array} greys @param {[number, number, number]} color @param {number} share */
function tinted(greys, [r, g, b], share) {
  return Uint32Array.from(greys, (grey) => {
    const base = (1 - share) * grey;
    return pixel(base + share * r, base + share * g, base + share * b);
  });
}

function pixel(r, g, b) {
  return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
}

/**
 * The heat map as a picture: clear where the model is sure, yellow to red where it is not.
 * @param {Uint8Array} heat @param {number} width @param {number} height
 */
export function heatCanvas(heat, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < heat.length; i += 1) {
    const unsure = Math.max(0, Math.min(1, (heat[i] - 30) / 110)); // 90 % sure is clear; between two classes it is 127
    const alpha = Math.round(165 * Math.min(1, 1.8 * unsure));
    const green = Math.round(205 * (1 - unsure) + 20);
    pixels[i] = ((alpha << 24) | (35 << 16) | (green << 8) | 245) >>> 0;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
