import assert from "node:assert/strict";
import { test } from "node:test";

import { buildTable, toned } from "../../app/editor/palette.js";

const CLASSES = [
  { id: 0, name: "matrix", color: "#808080" },
  { id: 1, name: "pore", color: "#ff0000" },
];
const LOOK = { opacity: 1, outline: false, hidden: false, brightness: 0, contrast: 0 };

const rgba = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255, pixel >>> 24];
const entry = (table, touched, id, grey) => rgba(table[(touched << 16) | (id << 8) | grey]);

test("a painted pixel has its class colour, a predicted one a fainter one, the background its grey", () => {
  const table = buildTable(CLASSES, LOOK);
  assert.deepEqual(entry(table, 1, 1, 100), [255, 0, 0, 255]);
  const [r, g] = entry(table, 0, 1, 100);
  assert.ok(r > 150 && r < 255 && g > 0 && g < 100);
  assert.deepEqual(entry(table, 0, 0, 100), [100, 100, 100, 255]);
});

test("a hidden mask leaves the bare image, also of unknown classes", () => {
  const table = buildTable(CLASSES, { ...LOOK, hidden: true });
  for (const [touched, id] of [[0, 0], [1, 1], [0, 255], [1, 255], [0, 9]]) {
    assert.deepEqual(entry(table, touched, id, 42), [42, 42, 42, 255]);
  }
});

test("unlabelled pixels that nobody painted are bare, also with outlines", () => {
  const table = buildTable(CLASSES, { ...LOOK, outline: true });
  assert.deepEqual(entry(table, 0, 255, 77), [77, 77, 77, 255]);
});

test("brightness and contrast move grey values and stay within 0 to 255", () => {
  assert.equal(toned(100, LOOK), 100);
  assert.equal(toned(100, { ...LOOK, brightness: 100 }), 228);
  assert.equal(toned(0, { ...LOOK, contrast: 100 }), 0);
  assert.ok(toned(140, { ...LOOK, contrast: 40 }) > 150);
});
