import assert from "node:assert/strict";
import { test } from "node:test";

import { Claims } from "../../../app/editor/saving/claims.js";
import { UndoSteps } from "../../../app/editor/saving/undo_steps.js";
import { History } from "../../../app/editor/slice/history.js";

const SAVE = { kind: "save", claim: "strokes", box: undefined, revision: 4 };
const STROKE = { kind: "strokes", forward: "forward", inverse: "inverse" };

/** Undo steps on a slice that was painted and saved; the server is slow to withdraw a save. */
function context() {
  const log = [];
  const slice = {
    history: new History(),
    api: { base: "/api/toy/0/1" },
    unsave: () => new Promise((done) => setTimeout(() => done(log.push("unsaved")), 20)),
    claim: async () => ({ answer: {}, step: { revision: log.push("saved") } }),
    loadMask: async () => {},
    paint: (runs) => log.push(runs),
  };
  slice.history.push({ ...STROKE });
  slice.history.push({ ...SAVE });
  const made = { slice, log, open: slice };
  const nothing = () => {};
  const claims = new Claims({
    slice: () => made.open, idle: () => !claims.busy, ask: nothing, changed: nothing, failed: nothing, savesChanged: nothing,
  });
  const told = { painted: nothing, offer: nothing, done: nothing };
  made.claims = claims;
  made.steps = new UndoSteps({ slice: () => made.open, idle: () => !claims.busy, claims, ...told });
  return made;
}

test("steps requested faster than the server answers run one after the other, and none is lost", async () => {
  const { steps, log } = context();
  await Promise.all(["undo", "undo", "redo", "redo"].map((which) => steps.step(which)));
  assert.deepEqual(log, ["unsaved", "inverse", "forward", "saved"]);
});

test("a step requested during a save runs after it", async () => {
  const { steps, claims, log, slice } = context();
  const saving = claims.undo(slice.history.undo());
  await steps.step("redo");
  assert.deepEqual(log, ["unsaved", "saved"]);
  assert.equal(await saving, true);
});

test("a step applies only to the slice open at its request", async () => {
  const made = context();
  const first = made.steps.step("undo");
  const second = made.steps.step("undo");
  made.open = null;
  await Promise.all([first, second]);
  assert.deepEqual(made.log, []);
  assert.equal(made.slice.history.done.length, 2);
});
