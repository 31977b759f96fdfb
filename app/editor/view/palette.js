/** Colours: a look-up table from (state, class, grey) to a screen pixel. A slider rebuilds the table, not the slice. */

import { UNSURE } from "../slice/raster.js";

/** @typedef {{id: number, name: string, color: string}} LabelClass */
/**
 * @typedef {object} Look How to draw a slice.
 * @property {number} opacity of the mask, 0 to 1
 * @property {boolean} outline draw borders instead of areas
 * @property {boolean} hidden draw no mask
 * @property {"correct" | "scribble"} mode scribbling shows labels only, no prediction
 * @property {number} low loaded grey value shown black
 * @property {number} high loaded grey value shown white
 * @property {number} gamma above 1 brightens shadows
 * @property {boolean} invert
 */

export const UNSURE_COLOR = "#8a6fb8";

/** Number of pixel states: the four values of `touched | saved << 1`, and PREVIEWED. */
export const STATES = 5;
export const PREVIEWED = 4;
/** Opacity factor by state: painted pixels strongest, saved ones fainter, predictions faintest. */
const SHARES = [0.6, 1.2, 0.85, 1.2, 0.6];
/** The same for background: faint where labelled, none where predicted. */
const BACKGROUND_SHARES = [0, 0.45, 0.2, 0.45, 0];
/** Strength of the stripes on labelled background, whose faint colour would not show on grey. */
const STRIPE_SHARES = { correct: [0, 0.7, 0, 0.7, 0], scribble: [0, 0.7, 0.3, 0.7, 0] };
/** Row of the table for stripes; no class has this id. */
export const STRIPE = 254;
const OUTLINE_SHARES = [0.75, 1, 0.9, 1, 0.75];
/** Brightness beside an outline: a thin line as bright as its surroundings would not show. */
const BESIDE_OUTLINE = 0.5;

/** @param {string} color `#rrggbb` @returns {[number, number, number]} */
export function rgb(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

/** Apply window, gamma and inversion to a loaded grey value. @param {number} grey 0 to 255 @param {Look} look */
export function displayedGrey(grey, { low, high, gamma, invert }) {
  const share = Math.max(0, Math.min(1, (grey - low) / Math.max(1e-6, high - low))) ** (1 / gamma);
  return Math.round(255 * (invert ? 1 - share : share));
}

/** Return the class shown for a pixel, UNSURE if none. @param {number} id @param {number} state */
function shownClass(id, state, mode) {
  return mode === "scribble" && state === 0 ? UNSURE : id;
}

/** Return the opacity of a class over its grey, 0 to 1. */
function opacityOf(id, state, look) {
  if (look.hidden || (state === 0 && shownClass(id, state, look.mode) === UNSURE)) return 0;
  if (look.outline) return id === 0 ? 0 : OUTLINE_SHARES[state];
  const shares = id === 0 ? BACKGROUND_SHARES : SHARES;
  return Math.min(1, shares[state] * look.opacity);
}

/** Build the colours of pixels without a class, by grey value. @param {Look} look @param {number} light below 1 darkens them */
export function bareTable(look, light = 1) {
  return Uint32Array.from({ length: 256 }, (_, grey) => {
    const shown = light * displayedGrey(grey, look);
    return pixel(shown, shown, shown);
  });
}

/**
 * Build the table: entry `state << 16 | class << 8 | grey` is a pixel of ImageData (little-endian RGBA). With outlines, it
 * applies to the pixels on both sides of a border.
 * @param {LabelClass[]} classes @param {Look} look @returns {Uint32Array}
 */
export function buildTable(classes, look) {
  const table = new Uint32Array(STATES << 16);
  const greys = Uint8Array.from({ length: 256 }, (_, grey) => displayedGrey(grey, look));
  const bare = bareTable(look, look.outline && !look.hidden ? BESIDE_OUTLINE : 1);
  for (let row = 0; row < table.length; row += 256) table.set(bare, row); // also for unknown classes
  for (const { id, color } of [...classes, { id: UNSURE, color: UNSURE_COLOR }]) {
    for (let state = 0; state < STATES; state += 1) {
      const share = opacityOf(id, state, look);
      if (share > 0) table.set(tinted(greys, rgb(color), share), (state << 16) | (id << 8));
    }
  }
  const [{ color }] = classes;
  for (let state = 0; state < STATES; state += 1) {
    const row = (state << 16) | (STRIPE << 8);
    table.set(striped(greys, rgb(color), opacityOf(0, state, look), stripeStrength(state, look)), row);
  }
  return table;
}

/** Return the contrast of a stripe to its background, 0 to 1. */
function stripeStrength(state, { hidden, mode, opacity }) {
  return hidden ? 0 : STRIPE_SHARES[mode][state] * Math.min(1, 2 * opacity);
}

/** Build the stripe colours: brighter on dark greys, darker on light ones. */
function striped(greys, [r, g, b], share, much) {
  return Uint32Array.from(greys, (grey) => {
    const [base, end] = [(1 - share) * grey, grey < 128 ? 255 : 0];
    return pixel(...[r, g, b].map((part) => (1 - much) * (base + share * part) + much * end));
  });
}

/** Build the class shown for every `state << 8 | class`, to find borders. @param {Look} look */
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
 * Draw the heat map: transparent where the model is sure, yellow to red where it is not.
 * @param {Uint8Array} heat @param {number} width @param {number} height
 */
export function heatCanvas(heat, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < heat.length; i += 1) {
    const unsure = Math.max(0, Math.min(1, (heat[i] - 30) / 110)); // transparent at 90 % sure; two equal classes give 127
    const alpha = Math.round(165 * Math.min(1, 1.8 * unsure));
    const green = Math.round(205 * (1 - unsure) + 20);
    pixels[i] = ((alpha << 24) | (35 << 16) | (green << 8) | 245) >>> 0;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
