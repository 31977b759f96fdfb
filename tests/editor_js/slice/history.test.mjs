import assert from "node:assert/strict";
import { test } from "node:test";

import { Histories, History } from "../../../app/editor/slice/history.js";

const step = (n) => ({ kind: "strokes", forward: [n], inverse: [-n] });
const inverses = (history, count) => Array.from({ length: count }, () => history.undo()?.inverse ?? null);

test("undo returns the last steps, redo the same ones again", () => {
  const history = new History();
  history.push(step(1));
  history.push({ kind: "save", claim: "strokes", revision: 7 });
  assert.deepEqual([history.undo().revision, history.undo().inverse, history.undo()], [7, [-1], null]);
  assert.deepEqual([history.redo().forward, history.redo().revision, history.redo()], [[1], 7, null]);
});

test("a new step forgets what was undone", () => {
  const history = new History();
  history.push(step(1));
  history.undo();
  history.push(step(2));
  assert.equal(history.canRedo, false);
  assert.deepEqual(inverses(history, 1), [[-2]]);
});

test("only the last steps are kept", () => {
  const history = new History(2);
  for (const n of [1, 2, 3]) history.push(step(n));
  assert.deepEqual(inverses(history, 3), [[-3], [-2], null]);
});

test("an unchanged slice keeps its history, a changed one loses it", () => {
  const histories = new Histories();
  const history = new History();
  history.push(step(1));
  histories.keep("/0/4", history, { created: "1", sequence: 3, revision: null });
  assert.equal(histories.of("/0/4", { created: "1", sequence: 3, revision: null }), history);
  assert.equal(histories.of("/0/4", { created: "1", sequence: 4, revision: null }).canUndo, false);
  assert.equal(histories.of("/0/4", { created: "1", sequence: 3, revision: 9 }).canUndo, false);
  assert.equal(histories.of("/0/4", { created: "2", sequence: 3, revision: null }).canUndo, false, "another project");
  assert.equal(histories.of("/0/5", { created: "1", sequence: 3, revision: null }).canUndo, false);
});

test("the slice left longest ago is forgotten first, and an empty history at once", () => {
  const histories = new Histories();
  for (let z = 0; z < 60; z += 1) {
    const history = new History();
    history.push(step(z));
    histories.keep(`/0/${z}`, history, { created: "1", sequence: 1, revision: null });
  }
  assert.equal(histories.of("/0/0", { created: "1", sequence: 1, revision: null }).canUndo, false);
  assert.equal(histories.of("/0/59", { created: "1", sequence: 1, revision: null }).canUndo, true);
  histories.keep("/0/59", new History(), { created: "1", sequence: 1, revision: null });
  assert.equal(histories.kept.has("/0/59"), false);
});

test("steps from before the page was loaded come before all others, and the oldest go first", () => {
  const history = new History(3);
  history.push({ kind: "strokes", forward: "c" });
  history.precede(["x", "a", "b"].map((forward) => ({ kind: "strokes", forward })));
  assert.deepEqual(history.done.map((step) => step.forward), ["a", "b", "c"]);
});
