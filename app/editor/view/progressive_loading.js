/** Progressive loading of grey values: a coarse level first, then the visible part in full, then the rest. */

import { setRows } from "../slice/grey_pyramid.js";
import { levelFor } from "./tiles.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./display_settings.js").Display} Display */
/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {{raster: Raster, api: {get: (path: string, signal: AbortSignal) => Promise<ArrayBuffer>}}} Source */

/** Pixels of a level small enough to load at once. */
const AT_ONCE = 1 << 20;
/** A multiple of every 2**level, so that no coarse pixel spans two strips. */
const STRIP_ROWS = 256;
const STRIPS_AT_ONCE = 3;

/**
 * Load the grey values of a slice.
 * @param {Source} slice @param {Display} display
 * @param {{camera: Camera}} view its current position decides what to load next
 * @param {AbortSignal} signal
 * @param {(rect: Rect) => void} onStrip grey values of this part have arrived; first of all of a large slice, coarsely
 * @param {() => void} onSeen the visible part is loaded in full
 * @returns {Promise<void>} resolves when everything is loaded
 */
export async function loadGrey(slice, display, view, signal, onStrip, onSeen = () => {}) {
  const { raster, api } = slice;
  const fetchRows = async (level, y0, y1) => {
    const rows = await api.get(`grey?level=${level}&y0=${y0}&y1=${y1}&${queryOf(display)}`, signal);
    return new Uint8Array(rows);
  };
  const coarse = coarseLevel(raster);
  const needed = Math.min(coarse, levelFor(visiblePart(view.camera, raster).scale, raster.levels.length));
  if (coarse > 0) {
    setRows(raster.levels, coarse, 0, await fetchRows(coarse, 0, raster.levels[coarse].height), needed === coarse ? 0 : needed);
    onStrip({ x0: 0, y0: 0, x1: raster.width, y1: raster.height });
  }
  if (needed > 0 && needed < coarse) {
    const [y0, y1] = rowsInView(view.camera, raster, needed);
    setRows(raster.levels, needed, y0, await fetchRows(needed, y0, y1), 0);
    onStrip({ x0: 0, y0: y0 << needed, x1: raster.width, y1: Math.min(raster.height, y1 << needed) });
  }
  if (needed > 0) onSeen();
  await loadStrips(raster, view.camera, fetchRows, onStrip, needed > 0 ? () => {} : onSeen);
}

/** Load the finest level in strips, always the one nearest to the centre of the view. */
async function loadStrips(raster, camera, fetchRows, onStrip, onSeen) {
  const { width, height } = raster;
  const missing = new Set(Array.from({ length: Math.ceil(height / STRIP_ROWS) }, (_, i) => i * STRIP_ROWS));
  const inView = new Set([...missing].filter((y0) => overlaps(rowsInView(camera, raster, 0), y0)));
  const worker = async () => {
    while (missing.size > 0) {
      const y0 = nearest(missing, rowsInView(camera, raster, 0));
      missing.delete(y0);
      const y1 = Math.min(height, y0 + STRIP_ROWS);
      setRows(raster.levels, 0, y0, await fetchRows(0, y0, y1));
      onStrip({ x0: 0, y0, x1: width, y1 });
      if (inView.delete(y0) && inView.size === 0) onSeen();
    }
  };
  await Promise.all(Array.from({ length: STRIPS_AT_ONCE }, worker));
}

/** Return the finest level small enough to load at once; 0 for the slice itself. @param {Raster} raster */
function coarseLevel({ levels }) {
  const found = levels.findIndex(({ width, height }) => width * height <= AT_ONCE);
  return found < 0 ? levels.length - 1 : found;
}

function overlaps([from, to], y0) {
  return y0 < to && y0 + STRIP_ROWS > from;
}

function nearest(tops, [from, to]) {
  const away = (y0) => Math.abs(y0 + STRIP_ROWS / 2 - (from + to) / 2);
  return [...tops].reduce((best, y0) => (away(y0) < away(best) ? y0 : best));
}

/** Return the visible rows of a level, and one more on either side for smoothing. @returns {[number, number]} */
function rowsInView(camera, raster, level) {
  const { y0, y1 } = visiblePart(camera, raster).rect;
  return [Math.max(0, (y0 >> level) - 1), Math.min(raster.levels[level].height, (y1 >> level) + 2)];
}

/** Return scale and visible part; for a slice not shown yet, all of it. */
function visiblePart(camera, { width, height }) {
  if (camera.width === width && camera.height === height) return { scale: camera.scale, rect: camera.visible() };
  const scale = Math.min(camera.viewWidth / width, camera.viewHeight / height);
  return { scale, rect: { x0: 0, y0: 0, x1: width, y1: height } };
}

/** @param {Display} display */
function queryOf({ channel, second, mix, low, high, cut, smooth }) {
  const query = new URLSearchParams({ channel: String(channel), cut: String(cut ?? 0.5) });
  if (second !== null) {
    query.set("second", String(second));
    query.set("mix", String(mix));
  }
  if (low !== null && high !== null) {
    query.set("lo", String(low));
    query.set("hi", String(high));
  }
  if (smooth) query.set("smooth", "1");
  return query.toString();
}
