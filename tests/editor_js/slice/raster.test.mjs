import assert from "node:assert/strict";
import { test } from "node:test";

import { PixelChanges } from "../../../app/editor/slice/pixel_changes.js";
import { NO_CLASS, Raster } from "../../../app/editor/slice/raster.js";
import { chance, drawn, rule, rows } from "../toys.mjs";

/** Numbers, and bytes packed four to a number, as they arrive. */
const numbers = (head, bytes) => Uint32Array.from([...head, ...new Uint32Array(Uint8Array.from(bytes).buffer)]);
const back = (allows = null) => ({ value: null, allows });

test("painting a row changes its pixels and marks them as touched, no others", () => {
  const raster = drawn("0000", "0120", "0000");
  raster.paintRow(1, 1, 4, rule(2 | 256), new PixelChanges());
  assert.deepEqual(rows(raster), ["0000", "0222", "0000"]);
  assert.deepEqual(rows(raster, raster.touched), ["0000", "0111", "0000"]);
});

test("a row is cut to the slice", () => {
  const raster = drawn("000", "000");
  const changes = new PixelChanges();
  raster.paintRow(0, -5, 2, rule(1 | 256), changes);
  raster.paintRow(1, 2, 99, rule(1 | 256), changes);
  for (const [y, x0, x1] of [[-1, 0, 3], [2, 0, 3], [0, 3, 9], [0, -9, -2]]) raster.paintRow(y, x0, x1, rule(2 | 256), changes);
  assert.deepEqual(rows(raster), ["110", "001"]);
});

test("restoring brings the base back, as if never painted", () => {
  const raster = drawn("0120", "2222");
  raster.paintRow(0, 0, 4, rule(3 | 256), new PixelChanges());
  const changes = new PixelChanges();
  raster.paintRow(0, 1, 4, back(), changes);
  assert.deepEqual(rows(raster), ["3120", "2222"]);
  assert.deepEqual(rows(raster, raster.touched), ["1000", "0000"]);
  assert.deepEqual([...changes.action().forward], [1, 1, 1, 2, 1, 2, 3, 1, 0]);
  raster.paintRow(1, 0, 4, back(), changes);
  assert.equal(changes.count, 3);
});

test("a paint rule leaves excluded pixels unchanged", () => {
  const raster = drawn("00000000");
  const even = (start, end) => Uint8Array.from({ length: end - start }, (_, i) => 1 - ((start + i) % 2));
  const changes = new PixelChanges();
  raster.paintRow(0, 1, 7, rule(1 | 256, even), changes);
  raster.paintRow(0, 0, 2, back(even), changes);
  assert.deepEqual(rows(raster), ["00101010"]);
  assert.deepEqual([...changes.action().forward], [2, 1, 257, 4, 1, 257, 6, 1, 257]);
});

test("an action's runs are merged across rows, and the inverse brings back class and touched of every pixel", () => {
  const raster = drawn("0012", "1100");
  const changes = new PixelChanges();
  raster.paintRow(1, 0, 2, rule(3 | 256), changes);
  raster.paintRow(0, 2, 4, rule(3 | 256), changes);
  const action = changes.action();
  assert.deepEqual([...action.forward], [2, 4, 3 | 256]);
  assert.deepEqual([...action.inverse], [2, 1, 1, 3, 1, 2, 4, 2, 1]);
  assert.deepEqual(raster.apply(action.inverse), { x0: 0, y0: 0, x1: 4, y1: 2 });
  assert.deepEqual(rows(raster), ["0012", "1100"]);
  assert.ok(raster.touched.every((t) => t === 0));
});

test("chunks added in any order, and more than there was room for, come out as rising runs", () => {
  const changes = new PixelChanges();
  const starts = Array.from({ length: 1000 }, (_, i) => 3 * ((i * 617) % 1000));
  for (const start of starts) changes.add(start, 1, 0, 257);
  const { forward, inverse } = changes.action();
  assert.deepEqual([...forward.filter((_, i) => i % 3 === 0)], starts.toSorted((a, b) => a - b));
  assert.deepEqual([...new Set(inverse.filter((_, i) => i % 3 === 2))], [0]);
});

test("painting what is there already is no change", () => {
  const changes = new PixelChanges();
  const raster = drawn("00");
  raster.paintRow(0, 0, 2, rule(256), changes);
  assert.equal(changes.count, 1);
  raster.paintRow(0, 0, 2, rule(256), changes);
  assert.equal(changes.count, 1);
});

test("a speckled slice is loaded from bytes, with its marks where there are any", () => {
  const raster = new Raster(3, 2);
  raster.load(new Uint32Array([6, 7 | 256 | 512]));
  raster.load(numbers([0, 1], [1, 0, 2, 255, 0, 1, 0, 0]));
  assert.deepEqual([...raster.mask], [1, 0, 2, 255, 0, 1]);
  assert.deepEqual([...raster.touched, ...raster.saved], Array(12).fill(0));
  raster.load(numbers([0, 2], [1, 0, 2, 255, 0, 1, 0, 0, 0, 1, 2, 3, 0, 1, 0, 0]));
  assert.deepEqual([...raster.mask], [1, 0, 2, 255, 0, 1]);
  assert.deepEqual([...raster.touched], [0, 1, 0, 1, 0, 1]);
  assert.deepEqual([...raster.saved], [0, 0, 1, 1, 0, 0]);
  raster.loadBase(numbers([0, 1], [2, 2, 1, 0, 0, 9, 0, 0]));
  assert.deepEqual([...raster.base], [2, 2, 1, 0, 0, 9]);
});

test("a slice is loaded from the pairs of the server, also over another one", () => {
  const raster = new Raster(3, 2);
  raster.load(new Uint32Array([6, 7 | 256 | 512]));
  raster.load(new Uint32Array([2, 0, 2, 1 | 256, 1, 1 | 512, 1, 255]));
  assert.deepEqual([...raster.mask], [0, 0, 1, 1, 1, 255]);
  assert.deepEqual([...raster.touched], [0, 0, 1, 1, 0, 0]);
  assert.deepEqual([...raster.saved], [0, 0, 0, 0, 1, 0]);
  raster.loadBase(new Uint32Array([5, 2, 1, 0]));
  assert.deepEqual([...raster.base], [2, 2, 2, 2, 2, 0]);
  raster.loadBase(new Uint32Array(0));
  assert.deepEqual([...raster.base], [...raster.mask]);
});

test("a pixel shows its class, unsure if labelled so, nothing if unlabelled", () => {
  const raster = drawn("1111");
  raster.mask[3] = 255;
  raster.touched[0] = 1;
  raster.saved[1] = 1;
  assert.deepEqual([0, 1, 2, 3].map((at) => raster.shown(at, true)), [1, 1, NO_CLASS, NO_CLASS]);
  assert.deepEqual([0, 1, 2, 3].map((at) => raster.shown(at, false)), [1, 1, 1, NO_CLASS]);
  raster.touched[3] = 1;
  assert.deepEqual([raster.shown(3, true), raster.shown(3, false)], [255, 255]);
});

test("a point is in the pixel that it lies in, and in none outside the slice", () => {
  const raster = new Raster(3, 2);
  const places = [[0, 0], [2.99, 1.01], [3, 1], [-0.01, 0], [1, 2]];
  assert.deepEqual(places.map(([x, y]) => raster.indexAt({ x, y })), [0, 5, -1, -1, -1]);
});

test("five hundred random rows undone leave the mask as it was, and redone as it became", () => {
  const random = chance(1);
  const raster = new Raster(64, 48);
  for (let i = 0; i < raster.mask.length; i += 1) raster.mask[i] = random(3);
  const before = Uint8Array.from(raster.mask);
  const actions = [];
  for (let i = 0; i < 500; i += 1) {
    const changes = new PixelChanges();
    const value = rule(random(3) | 256);
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
