import assert from "node:assert/strict";
import { test } from "node:test";

import { NO_CLASS, Raster } from "../../../app/editor/slice/raster.js";
import { atWork, drawn, rows } from "../toys.mjs";

test("a stroke is one action, reported while it is painted and once it is done", () => {
  const raster = drawn("0000", "0000");
  const { drag, actions, told } = atWork(raster);
  drag([[0, 0], [1, 0], [3, 0]], { classId: 2 });
  assert.deepEqual(rows(raster), ["2222", "0000"]);
  assert.deepEqual(actions.map((a) => [...a.forward]), [[0, 4, 2 | 256]]);
  assert.equal(told.finished, 1);
  assert.deepEqual(told.painted[0], { x0: 0, y0: 0, x1: 1, y1: 1 });
});

test("a gesture that changes nothing is no action", () => {
  const { drag, actions, told } = atWork(drawn("00"));
  drag([[0, 5], [1, 5]]);
  assert.deepEqual([actions.length, told.finished], [0, 0]);
});

test("unsure is painted as class 255 by any painting tool", () => {
  const raster = drawn("000");
  const { drag } = atWork(raster);
  drag([[0, 0]], { classId: 255 });
  drag([[2, 0]], { classId: 255, tool: "fill" });
  assert.deepEqual([...raster.mask], [255, 255, 255]);
  assert.deepEqual([...raster.touched], [1, 1, 1]);
});

test("the eraser, the right button and the pen's other end paint background when correcting", () => {
  const raster = drawn("2222");
  const { drag } = atWork(raster);
  drag([[0, 0]], { tool: "eraser", classId: 1, background: 5 });
  drag([[1, 0]], { tool: "brush", background: 5 }, { kind: "erase" });
  drag([[2, 0]], { tool: "box", background: 5 }, { kind: "erase" });
  assert.deepEqual(rows(raster), ["5552"]);
  assert.deepEqual(rows(raster, raster.touched), ["1110"]);
});

test("the eraser removes strokes when scribbling; Restore does so in both modes", () => {
  const raster = drawn("0123");
  const { drag } = atWork(raster);
  drag([[0, 0], [3, 0]], { classId: 7 });
  drag([[0, 0]], { tool: "eraser", mode: "scribble" });
  drag([[1, 0]], { mode: "scribble" }, { kind: "erase" });
  drag([[2, 0]], { tool: "restore" });
  assert.deepEqual(rows(raster), ["0127"]);
  assert.deepEqual(rows(raster, raster.touched), ["0001"]);
});

test("the class lock applies to painting, erasing and restoring, by the class shown", () => {
  const raster = drawn("01201");
  const { drag } = atWork(raster);
  const across = [[0, 0], [4, 0]];
  drag(across, { classId: 7, lock: 1 });
  assert.deepEqual(rows(raster), ["07207"]);
  drag(across, { classId: 8, lock: 1, mode: "scribble" });
  assert.deepEqual(rows(raster), ["07207"]);
  drag(across, { classId: 8, lock: 255, mode: "scribble" });
  assert.deepEqual(rows(raster), ["87887"]);
  drag(across, { tool: "eraser", lock: 8 });
  assert.deepEqual(rows(raster), ["07007"]);
  drag(across, { tool: "restore", lock: 7 });
  assert.deepEqual(rows(raster), ["01001"]);
});

test("the grey-range brush paints pixels as bright as its first one", () => {
  const raster = drawn("000000");
  raster.levels[0].grey.set([100, 110, 111, 90, 89, 250]);
  const { drag, told } = atWork(raster);
  drag([[0.5, 0.5], [5.5, 0.5]], { tool: "range", tolerance: 10, size: 3 });
  assert.deepEqual(rows(raster), ["110100"]);
  assert.deepEqual(told.range, [[90, 110], null]);
  drag([[5.5, 0.5]], { tool: "range", tolerance: 10 });
  drag([[9, 0]], { tool: "range", tolerance: 250 });
  assert.deepEqual(told.range.slice(2), [[240, 255], null, [0, 255], null]);
});

test("Shift draws a straight line from the end of the last stroke that was not cancelled", () => {
  const raster = drawn("00000", "00000", "00000");
  const { drag, painter } = atWork(raster);
  const keys = { shiftKey: true };
  drag([[0.5, 0.5]], {}, { keys });
  painter.begin("draw", { x: 0.5, y: 2.5 }, { tool: "brush", classId: 1, size: 1, lock: null });
  painter.cancel();
  drag([[4.5, 0.5]], { classId: 2 }, { keys });
  assert.deepEqual(rows(raster), ["22222", "00000", "00000"]);
  drag([[4.5, 2.5]], { tool: "fill", classId: 3 }, { keys });
  drag([[2.5, 2.5]], { tool: "eraser" }, { keys });
  assert.deepEqual(rows(raster), ["22220", "33303", "33033"]);
});

test("the straight line is previewed while Shift is held", () => {
  const { drag, painter, told } = atWork(drawn("00000"));
  const toolState = { tool: "brush" };
  drag([[0.5, 0.5]]);
  painter.hover({ x: 3, y: 0 }, toolState, { shiftKey: true });
  painter.hover({ x: 3, y: 0 }, toolState, {});
  painter.hover({ x: 3, y: 0 }, toolState, {});
  assert.deepEqual(told.path, [[[0.5, 0.5], [3, 0]], null]);
  painter.hover({ x: 3, y: 0 }, { tool: "fill" }, { shiftKey: true });
  assert.equal(told.path.length, 2);
});

test("a straight line does not start from another slice", () => {
  const { drag, painter, actions } = atWork(drawn("00000"));
  drag([[0.5, 0.5]]);
  const raster = drawn("00000");
  painter.slice = { raster, commit: (action) => actions.push(action) };
  drag([[4.5, 0.5]], {}, { keys: { shiftKey: true } });
  assert.deepEqual(rows(raster), ["00001"]);
});

test("the eyedropper picks the class shown, also with Alt and a brush; where none is shown, the class stays", () => {
  const raster = drawn("0122");
  const { drag, told, actions } = atWork(raster);
  drag([[1.5, 0.5], [2.5, 0.5], [3.5, 0.5], [9, 9]], { tool: "pick" });
  assert.deepEqual(told.picked, [1, 2]);
  drag([[0, 0]], {}, { keys: { altKey: true } });
  assert.deepEqual(told.picked, [1, 2, 0]);
  raster.saved[3] = 1;
  drag([[1, 0], [3, 0]], { tool: "pick", mode: "scribble" });
  assert.deepEqual(told.picked, [1, 2, 0, 2]);
  assert.equal(actions.length, 0);
  assert.ok(!told.picked.includes(NO_CLASS));
});

test("a drag draws a box clipped to the slice; a click removes it, a cancel restores the previous one", () => {
  const raster = new Raster(8, 8);
  const { drag, told, painter } = atWork(raster);
  drag([[9.5, -3], [3, 3], [2.2, 4.1]], { tool: "box" });
  assert.deepEqual(told.drawn.at(-1), { x0: 2, y0: 0, x1: 8, y1: 5 });
  drag([[3.1, 3.1], [3.2, 3.2]], { tool: "box" });
  assert.equal(told.drawn.at(-1), null);
  const box = { x0: 1, y0: 1, x1: 4, y1: 4 };
  painter.begin("draw", { x: 0, y: 0 }, { tool: "box", box });
  painter.move({ x: 7, y: 7 });
  painter.cancel();
  assert.deepEqual(told.drawn.at(-1), box);
});

test("a cancelled stroke leaves no trace, and reports the restored part", () => {
  const raster = drawn("0123", "0123");
  raster.touched[1] = 1;
  const { painter, told, actions } = atWork(raster);
  painter.begin("draw", { x: 0, y: 0 }, { tool: "brush", classId: 9, size: 3, mode: "correct", lock: null });
  painter.move({ x: 3, y: 1 });
  assert.equal(painter.busy, true);
  painter.cancel();
  assert.deepEqual(rows(raster), ["0123", "0123"]);
  assert.deepEqual(rows(raster, raster.touched), ["0100", "0000"]);
  assert.deepEqual(told.painted.at(-1), { x0: 0, y0: 0, x1: 4, y1: 2 });
  painter.move({ x: 0, y: 0 });
  painter.end();
  assert.deepEqual([painter.busy, actions.length, told.finished, rows(raster)[0]], [false, 0, 0, "0123"]);
});

test("a stroke in progress when the slice changes is stored on its own slice", () => {
  const { painter, actions } = atWork(drawn("00"));
  painter.begin("draw", { x: 0, y: 0 }, { tool: "brush", classId: 1, size: 1, lock: null });
  painter.slice = null;
  assert.deepEqual([actions.length, painter.busy], [1, false]);
  painter.begin("draw", { x: 0, y: 0 }, { tool: "brush", classId: 1, size: 1, lock: null });
  painter.end();
  assert.equal(actions.length, 1);
});

test("a gesture that changes nothing is reported and adds no step", () => {
  const { told, actions, drag } = atWork(drawn("111"));
  drag([[0, 0], [2, 0]], { classId: 2, lock: 5 });
  assert.deepEqual([actions.length, told.finished, told.unchanged], [0, 0, 1]);
  drag([[0, 0], [2, 0]], { classId: 2, lock: 1 });
  assert.deepEqual([actions.length, told.finished, told.unchanged], [1, 1, 1]);
});
