import assert from "node:assert/strict";
import { test } from "node:test";

import { bareTable, buildShown, buildTable, STRIPE, displayedGrey } from "../../../app/editor/view/palette.js";

const CLASSES = [
  { id: 0, name: "matrix", color: "#808080" },
  { id: 1, name: "pore", color: "#ff0000" },
];
const LOOK = { opacity: 0.5, outline: false, hidden: false, mode: "correct", low: 0, high: 255, gamma: 1, invert: false };
const [PREDICTED, PAINTED, SAVED, BOTH] = [0, 1, 2, 3];

const rgba = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255, pixel >>> 24];
const entry = (table, state, id, grey) => rgba(table[(state << 16) | (id << 8) | grey]);
/** How red a pixel of the class pore is over a grey of 100. */
const redness = (table, state) => entry(table, state, 1, 100)[0] - entry(table, state, 1, 100)[1];

test("painted, saved and predicted pixels can be told apart, at any opacity", () => {
  for (const opacity of [0.2, 0.5, 1]) {
    const table = buildTable(CLASSES, { ...LOOK, opacity });
    assert.ok(redness(table, PAINTED) > redness(table, SAVED) + 15 * opacity);
    assert.ok(redness(table, SAVED) > redness(table, PREDICTED) + 30 * opacity);
    assert.equal(redness(table, BOTH), redness(table, PAINTED));
  }
});

test("full opacity is the colour itself, and background is grey unless labelled", () => {
  const table = buildTable(CLASSES, { ...LOOK, opacity: 1 });
  assert.deepEqual(entry(table, PAINTED, 1, 7), [255, 0, 0, 255]);
  assert.deepEqual(entry(table, PREDICTED, 0, 7), [7, 7, 7, 255]);
  const [painted, saved] = [entry(table, PAINTED, 0, 7)[0], entry(table, SAVED, 0, 7)[0]];
  assert.ok(painted > saved && saved > 7);
});

test("scribbling shows labels only, no prediction", () => {
  const table = buildTable(CLASSES, { ...LOOK, mode: "scribble" });
  assert.deepEqual(entry(table, PREDICTED, 1, 100), [100, 100, 100, 255]);
  const correct = buildTable(CLASSES, LOOK);
  for (const state of [PAINTED, SAVED, BOTH]) assert.deepEqual(entry(table, state, 1, 9), entry(correct, state, 1, 9));
  const shown = buildShown({ ...LOOK, mode: "scribble" });
  assert.deepEqual([shown[(PREDICTED << 8) | 1], shown[(PAINTED << 8) | 1], shown[SAVED << 8]], [255, 1, 0]);
  assert.equal(buildShown(LOOK)[(PREDICTED << 8) | 1], 1);
});

test("a hidden mask leaves the bare image, also of unknown classes", () => {
  const table = buildTable(CLASSES, { ...LOOK, hidden: true, outline: true });
  for (const id of [0, 1, 9, 255]) {
    for (const state of [PREDICTED, PAINTED, SAVED, BOTH]) assert.deepEqual(entry(table, state, id, 42), [42, 42, 42, 255]);
  }
});

test("unsure shows where labelled, and nothing where unlabelled", () => {
  const table = buildTable(CLASSES, LOOK);
  assert.deepEqual(entry(table, PREDICTED, 255, 77), [77, 77, 77, 255]);
  assert.notDeepEqual(entry(table, PAINTED, 255, 77), [77, 77, 77, 255]);
});

test("outlines are of the class colour, and darken what lies beside them", () => {
  const table = buildTable(CLASSES, { ...LOOK, opacity: 0.1, outline: true });
  assert.deepEqual(entry(table, PAINTED, 1, 200), [255, 0, 0, 255]);
  assert.ok(redness(table, PREDICTED) > 150);
  assert.deepEqual(entry(table, PREDICTED, 0, 200), [100, 100, 100, 255]);
  assert.deepEqual(entry(table, PREDICTED, 255, 200), [100, 100, 100, 255]);
  assert.deepEqual(rgba(bareTable({ ...LOOK, outline: true })[200]), [200, 200, 200, 255]);
});

test("an outline differs in brightness from what is beside it, for every colour of the default classes on mid grey", () => {
  const colors = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];
  const linear = (v) => (v <= 10 ? v / 3294 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const bright = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) + 0.05;
  const classes = colors.map((color, i) => ({ id: i + 1, name: color, color }));
  const table = buildTable(classes, { ...LOOK, outline: true });
  for (const { id, name } of classes) {
    const [on, beside] = [bright(entry(table, PAINTED, id, 128)), bright(entry(table, PREDICTED, 0, 128))];
    assert.ok(Math.max(on, beside) / Math.min(on, beside) >= 1.9, name);
  }
});

test("the window stretches loaded grey values and clips what lies outside", () => {
  const look = { ...LOOK, low: 50, high: 150 };
  assert.deepEqual([0, 50, 100, 150, 255].map((grey) => displayedGrey(grey, look)), [0, 0, 128, 255, 255]);
  assert.deepEqual([0, 255].map((grey) => displayedGrey(grey, { ...LOOK, low: -255, high: 510 })), [85, 170]);
});

test("gamma brightens shadows and keeps the ends; inversion reverses everything", () => {
  assert.deepEqual([0, 64, 255].map((grey) => displayedGrey(grey, { ...LOOK, gamma: 2 })), [0, 128, 255]);
  assert.deepEqual([0, 64, 255].map((grey) => displayedGrey(grey, { ...LOOK, gamma: 2, invert: true })), [255, 127, 0]);
});

test("a window without width is black below and white above", () => {
  assert.deepEqual([99, 101].map((grey) => displayedGrey(grey, { ...LOOK, low: 100, high: 100 })), [0, 255]);
});

test("painted background is striped to show on any grey; predicted background is not", () => {
  for (const grey of [0, 60, 127, 128, 200, 255]) {
    const away = (state, look) => {
      const table = buildTable(CLASSES, { ...LOOK, ...look });
      return Math.abs(entry(table, state, STRIPE, grey)[0] - entry(table, state, 0, grey)[0]);
    };
    assert.ok(away(PAINTED, {}) > 50, `grey ${grey}`);
    assert.equal(away(PREDICTED, {}), 0);
    assert.equal(away(SAVED, {}), 0);
    const scribble = { mode: "scribble" };
    assert.ok(away(SAVED, scribble) > 20 && away(PAINTED, scribble) > away(SAVED, scribble), `grey ${grey}`);
    assert.equal(away(PAINTED, { hidden: true }), 0);
  }
});
