import assert from "node:assert/strict";
import { test } from "node:test";

import { Changes, portions, Raster, toBytes, toUint32, unframe } from "../../app/editor/raster.js";

/** A slice drawn as rows of digits. */
function drawn(...rows) {
  const raster = new Raster(rows[0].length, rows.length);
  raster.mask.set(rows.join("").split("").map(Number));
  return raster;
}

function rows(raster, array = raster.mask) {
  return Array.from({ length: raster.height }, (_, y) =>
    Array.from(array.subarray(y * raster.width, (y + 1) * raster.width)).join(""),
  );
}

test("painting a row changes its pixels and marks them as touched, no others", () => {
  const raster = drawn("0000", "0120", "0000");
  raster.paintRow(1, 1, 4, 2 | 256, new Changes());
  assert.deepEqual(rows(raster), ["0000", "0222", "0000"]);
  assert.deepEqual(rows(raster, raster.touched), ["0000", "0111", "0000"]);
});

test("an action's runs are merged across rows, and the inverse brings back class and touched of every pixel", () => {
  const raster = drawn("0012", "1100");
  const changes = new Changes();
  raster.paintRow(1, 0, 2, 3 | 256, changes);
  raster.paintRow(0, 2, 4, 3 | 256, changes);
  const action = changes.action();
  assert.deepEqual([...action.forward], [2, 4, 3 | 256]);
  assert.deepEqual([...action.inverse], [2, 1, 1, 3, 1, 2, 4, 2, 1]);
  assert.deepEqual(raster.apply(action.inverse), { x0: 0, y0: 0, x1: 4, y1: 2 });
  assert.deepEqual(rows(raster), ["0012", "1100"]);
  assert.ok(raster.touched.every((t) => t === 0));
});

test("painting what is there already is no change", () => {
  const changes = new Changes();
  const raster = drawn("00");
  raster.paintRow(0, 0, 2, 256, changes);
  assert.equal(changes.count, 1);
  raster.paintRow(0, 0, 2, 256, changes);
  assert.equal(changes.count, 1);
});

test("a slice is loaded from the runs of the server", () => {
  const raster = new Raster(3, 2);
  raster.load(new Uint32Array([2, 0, 3, 1 | 256, 1, 255]));
  assert.deepEqual([...raster.mask], [0, 0, 1, 1, 1, 255]);
  assert.deepEqual([...raster.touched], [0, 0, 1, 1, 1, 0]);
});

test("coarser levels hold means of two by two pixels, also at an odd edge", () => {
  const raster = new Raster(515, 3);
  const grey = new Uint8Array(515 * 3).fill(10);
  grey.set([20, 30, 40], 2 * 515);
  raster.setGrey(0, grey);
  const { width, height, grey: half } = raster.levels[1];
  assert.deepEqual([width, height], [258, 2]);
  assert.deepEqual([...half.slice(258, 260)], [25, 25]);
  assert.equal(half[257], 10);
});

test("runs travel as little-endian bytes, and long lists in portions", () => {
  assert.deepEqual([...toBytes(new Uint32Array([1, 258]))], [1, 0, 0, 0, 2, 1, 0, 0]);
  assert.deepEqual([...toUint32(new Uint8Array([0, 1, 0, 0, 0]).subarray(1))], [1]);
  const parts = [...portions(new Uint32Array(15), 2)].map((p) => p.length);
  assert.deepEqual(parts, [6, 6, 3]);
});

test("an answer is taken apart into facts and bytes", () => {
  const head = new TextEncoder().encode('{"a":12} ');
  const padded = new Uint8Array(4 + 12 + 2);
  padded[0] = 12;
  padded.fill(32, 4, 16);
  padded.set(head, 4);
  padded.set([7, 8], 16);
  const { facts, body } = unframe(padded.buffer);
  assert.deepEqual(facts, { a: 12 });
  assert.deepEqual([...body], [7, 8]);
});

test("five hundred random strokes undone leave the mask as it was, and redone as it became", () => {
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const raster = new Raster(64, 48);
  for (let i = 0; i < raster.mask.length; i += 1) raster.mask[i] = random(3);
  const before = Uint8Array.from(raster.mask);
  const actions = [];
  for (let i = 0; i < 500; i += 1) {
    const changes = new Changes();
    const value = random(3) | 256;
    for (let y = random(40); y < 48 && random(6); y += 1) raster.paintRow(y, random(30), 30 + random(34), value, changes);
    if (changes.count > 0) actions.push(changes.action());
  }
  const after = Uint8Array.from(raster.mask);
  for (const action of actions.toReversed()) raster.apply(action.inverse);
  assert.deepEqual(raster.mask, before);
  assert.ok(raster.touched.every((t) => t === 0));
  for (const action of actions) raster.apply(action.forward);
  assert.deepEqual(raster.mask, after);
});
