/** The line below the image: position of the cursor, grey value, class, and certainty of the model. */

import { pixelAt, UNSURE } from "../slice/raster.js";
import { parseJson } from "../slice/transport.js";

const ORIGINS = { empty: "no prediction yet", label: "your label", draft: "your draft" };
const PROBE_MS = 60;

/**
 * @typedef {object} StatusFacts
 * @property {import("../slice/slice.js").Slice} slice
 * @property {number} z
 * @property {{x: number, y: number} | null} point under the cursor, in image pixels
 * @property {number} scale screen pixels per image pixel
 * @property {{width: number, height: number, values: Uint8Array} | null} uncertainty a coarse map
 * @property {string | null} raw raw grey values under the cursor, null until loaded
 */

/** @param {StatusFacts} facts @returns {string} */
export function statusText({ slice, z, point, scale, uncertainty, raw }) {
  const { raster, facts } = slice;
  const below = ORIGINS[facts.origin] ?? `prediction of round ${facts.round}`;
  const origin = raster.preview === null ? below : `preview of the quick first model over ${below}`;
  const here = pointText(raster, facts, point, raw) + sureText(raster, point, uncertainty);
  return [`z ${z}/${facts.depth - 1}`, here, `${Math.round(scale * 1000) / 10} %`, origin].join("   ");
}

function pointText(raster, facts, point, raw) {
  const pixel = pixelAt(raster, point);
  if (pixel === null) return `${raster.width} × ${raster.height} px`;
  const [x, y] = pixel;
  return `x ${x}   y ${y}   grey ${raw ?? "…"}   ${classText(raster, facts, y * raster.width + x)}`;
}

function classText(raster, facts, at) {
  const previewed = raster.previewed(at);
  const id = previewed ? raster.preview[at] : raster.mask[at];
  const name = facts.classes.find((c) => c.id === id)?.name ?? (id === UNSURE ? "unsure" : "?");
  if (previewed) return `${name} (preview)`;
  if (raster.touched[at]) return `${name} (painted)`;
  if (raster.saved[at]) return `${name} (saved)`;
  return facts.round === null ? "not labelled" : `${name} (predicted)`;
}

/** The map holds 255 times the uncertainty; the rest of 255 is the probability of the predicted class. */
function sureText(raster, point, uncertainty) {
  const pixel = pixelAt(raster, point);
  if (pixel === null || uncertainty === null) return "";
  const { width, height, values } = uncertainty;
  const [x, y] = [Math.floor((pixel[0] * width) / raster.width), Math.floor((pixel[1] * height) / raster.height)];
  return `   model ${Math.round(100 - values[y * width + x] / 2.55)} % sure`;
}

/** Requests the raw grey values under a resting cursor. */
export class Probe {
  /** @param {() => void} arrived */
  constructor(arrived) {
    this.arrived = arrived;
    this.timer = 0;
    this.key = "";
    /** @type {string | null} */
    this.raw = null;
  }

  /** @param {import("../slice/slice.js").Slice} slice @param {[number, number] | null} pixel */
  at(slice, pixel) {
    const key = pixel === null ? "" : `${slice.api.base}/${pixel}`;
    if (key === this.key) return;
    this.key = key;
    this.raw = null;
    clearTimeout(this.timer);
    if (pixel !== null) this.timer = setTimeout(() => this.#ask(slice, pixel, key), PROBE_MS);
  }

  async #ask(slice, [x, y], key) {
    try {
      const { values } = parseJson(await slice.api.get(`pixel?y=${y}&x=${x}`));
      if (key !== this.key) return;
      this.raw = values.map(shown).join(", ");
      this.arrived();
    } catch {
      // keep the grey value unknown; the next pixel is requested anew
    }
  }
}

/** Format a raw value in at most six digits. */
function shown(value) {
  return value === null ? "none" : String(Number.isInteger(value) ? value : Number(value.toPrecision(5)));
}
