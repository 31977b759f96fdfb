/** Small slices drawn as text, repeatable random numbers, and a slice without a server. */

import { Raster } from "../../app/editor/slice/raster.js";
import { Painter } from "../../app/editor/tools/painter.js";

/** A slice drawn as rows of digits; its base is the same. */
export function drawn(...rows) {
  const raster = new Raster(rows[0].length, rows.length);
  raster.mask.set(rows.join("").split("").map(Number));
  raster.base.set(raster.mask);
  return raster;
}

/** The slice as rows of digits again. */
export function rows(raster, array = raster.mask) {
  return Array.from({ length: raster.height }, (_, y) =>
    Array.from(array.subarray(y * raster.width, (y + 1) * raster.width)).join(""),
  );
}

/** A paint rule for every pixel. */
export const rule = (value, allows = null) => ({ value, allows });

/** Return repeatable random integers from 0 to n - 1. */
export function chance(seed) {
  let state = seed;
  return (n) => {
    state = (state * 48271) % 2147483647;
    return state % n;
  };
}

export const TOOL_STATE = { tool: "brush", classId: 1, size: 1, mode: "correct", background: 0, lock: null, tolerance: 10, reach: 1 };

/** A painter on a slice, with its callbacks and actions recorded. */
export function atWork(raster, superpixels = null) {
  const told = { painted: [], finished: 0, unchanged: 0, patch: [], drawn: [], picked: [], path: [], range: [], failed: [] };
  const painter = new Painter({
    painted: (rect) => told.painted.push(rect),
    finished: () => (told.finished += 1),
    unchanged: () => (told.unchanged += 1),
    patch: (rows) => told.patch.push(rows),
    drawn: (box) => told.drawn.push(box),
    picked: (id) => told.picked.push(id),
    path: (points) => told.path.push(points === null ? null : points.map(({ x, y }) => [x, y])),
    range: (range) => told.range.push(range),
    failed: (error) => told.failed.push(error.message),
  });
  const actions = [];
  painter.slice = { raster, superpixels, commit: (action) => actions.push(action) };
  /** Drag through points [x, y]; the options override the plain brush. */
  const drag = (points, toolState = {}, { kind = "draw", keys = {} } = {}) => {
    const [first, ...others] = points.map(([x, y]) => ({ x, y }));
    painter.begin(kind, first, { ...TOOL_STATE, ...toolState }, keys);
    for (const point of others) painter.move(point);
    painter.end();
  };
  return { painter, told, actions, drag };
}

const EMPTY = {
  created: "1.5",
  height: 4,
  width: 4,
  depth: 9,
  sequence: 0,
  revision: null,
  round: null,
  latest: null,
  mask_numbers: 2,
  origin: "empty",
  classes: [],
};

/** The server's response for an empty slice of 4 x 4; its facts may be others. @returns {ArrayBuffer} */
export function emptySlice(changes = {}) {
  const facts = { ...EMPTY, ...changes };
  const head = JSON.stringify(facts);
  const padded = new TextEncoder().encode(head + " ".repeat((4 - (head.length % 4)) % 4));
  const bytes = new Uint8Array(4 + padded.length + 8);
  new DataView(bytes.buffer).setUint32(0, padded.length, true);
  bytes.set(padded, 4);
  bytes.set(new Uint8Array(new Uint32Array([16, 0]).buffer), 4 + padded.length);
  return bytes.buffer;
}
