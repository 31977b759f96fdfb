/** Colours: one table from (touched, class, grey) to a screen pixel, so that a slider rebuilds the table, not the slice. */

import { UNSURE } from "./raster.js";

/** @typedef {{id: number, name: string, color: string}} LabelClass */
/**
 * @typedef {object} Look How a slice is shown.
 * @property {number} opacity of the mask, 0 to 1
 * @property {boolean} outline draw borders instead of areas
 * @property {boolean} hidden show no mask at all
 * @property {number} brightness -100 to 100
 * @property {number} contrast -100 to 100
 */

export const UNSURE_COLOR = "#8a6fb8";

/** What the model says is shown this much fainter than what a person painted. */
const UNTOUCHED_SHARE = 0.62;
/** Background is the absence of colour; only where a person painted it is a trace of it shown. */
const BACKGROUND_SHARE = 0.45;

/** @param {string} color `#rrggbb` @returns {[number, number, number]} */
export function rgb(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

/** A grey value after brightness and contrast. @param {number} grey @param {Look} look */
export function toned(grey, look) {
  const gain = 2 ** (look.contrast / 40);
  return Math.max(0, Math.min(255, Math.round((grey - 127.5) * gain + 127.5 + 1.28 * look.brightness)));
}

/** How strongly a pixel's class is painted over its grey. */
function strength(id, touched, look) {
  if (look.hidden) return 0;
  if (id === UNSURE && !touched) return 0;
  if (look.outline) return id === 0 && !touched ? 0 : 1;
  if (id === 0) return touched ? BACKGROUND_SHARE * look.opacity : 0;
  return touched ? look.opacity : UNTOUCHED_SHARE * look.opacity;
}

/**
 * The table: entry `touched << 16 | class << 8 | grey` is a pixel of ImageData (little-endian RGBA).
 * @param {LabelClass[]} classes @param {Look} look @returns {Uint32Array}
 */
export function buildTable(classes, look) {
  const table = new Uint32Array(2 << 16);
  const colors = new Map(classes.map((c) => [c.id, rgb(c.color)]));
  colors.set(UNSURE, rgb(UNSURE_COLOR));
  const greys = Uint8Array.from({ length: 256 }, (_, grey) => toned(grey, look));
  for (let touched = 0; touched < 2; touched += 1) {
    for (let id = 0; id < 256; id += 1) {
      const color = colors.get(id);
      const share = color === undefined ? 0 : strength(id, touched === 1, look);
      const [r, g, b] = color ?? [0, 0, 0];
      const row = (touched << 16) | (id << 8);
      for (let grey = 0; grey < 256; grey += 1) {
        const base = (1 - share) * greys[grey];
        table[row | grey] = pixel(base + share * r, base + share * g, base + share * b);
      }
    }
  }
  return table;
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
