import assert from "node:assert/strict";
import { test } from "node:test";

import { Claims } from "../../../app/editor/saving/claims.js";
import { History } from "../../../app/editor/slice/history.js";
import { Slice } from "../../../app/editor/slice/slice.js";

const BOX = { x0: 1, y0: 2, x1: 5, y1: 6 };

/** Claims on a slice with its requests recorded; `broken` names requests that fail. */
function context({ region = null, fullSliceAllowed = true, asksFirst = true, broken = [], covers = 0 } = {}) {
  const log = [];
  const call = (name, answer) => async (...given) => {
    log.push([name, ...given]);
    if (broken.includes(name)) throw new Error(`${name} failed`);
    return answer;
  };
  const step = { kind: "save", claim: "strokes", box: undefined, revision: 7 };
  const slice = {
    raster: { width: 10, height: 10 },
    round: 1,
    history: new History(),
    claim: call("claim", { answer: { revision: 7 }, step }),
    loadMask: call("loadMask"),
    unsave: call("unsave"),
    rebase: call("rebase"),
  };
  const told = [];
  const note = (name) => (...given) => void told.push([name, ...given]);
  const made = {
    slice: () => slice,
    region: () => region,
    idle: () => true,
    fullSliceAllowed: () => fullSliceAllowed,
    asksFirst: () => asksFirst,
    uncover: () => covers-- > 0,
    ask: note("ask"),
    saved: note("saved"),
    savesChanged: note("restated"),
    changed: note("changed"),
    failed: note("failed"),
    reopen: note("reopen"),
  };
  return { claims: new Claims(made), slice, log, told, names: () => told.map(([name]) => name) };
}

test("Enter claims the box if there is one and the whole mask is shown, else the strokes", async () => {
  const plain = context();
  await plain.claims.claim();
  assert.deepEqual(plain.log[0], ["claim", "strokes", undefined]);
  const boxed = context({ region: BOX });
  await boxed.claims.claim();
  assert.deepEqual(boxed.log[0], ["claim", "region", [2, 1, 6, 5]]);
  const scribbling = context({ region: BOX, fullSliceAllowed: false });
  await scribbling.claims.claim();
  assert.deepEqual(scribbling.log[0], ["claim", "strokes", undefined]);
});

test("a full-slice claim asks first, unless switched off, and is never made while scribbling", async () => {
  const { claims, log } = context();
  claims.fullSlice();
  assert.deepEqual([claims.asking, log], [true, []]);
  await claims.confirm();
  assert.equal(log[0][1], "slice");
  await claims.confirm();
  assert.equal(log.filter(([name]) => name === "claim").length, 1);
  const silent = context({ asksFirst: false });
  await silent.claims.fullSlice();
  assert.equal(silent.log[0][1], "slice");
  const scribbling = context({ asksFirst: false, fullSliceAllowed: false });
  await scribbling.claims.fullSlice();
  assert.deepEqual(scribbling.log, []);
});

test("saving a box or strokes instead of answering does not confirm the full slice", async () => {
  const { claims, log } = context({ region: BOX });
  claims.fullSlice();
  await claims.claim();
  assert.deepEqual(log[0], ["claim", "region", [2, 1, 6, 5]]);
  assert.equal(claims.asking, false);
});

test("whatever covers the mask is hidden first: a box is saved at the second try, a full slice only after the question", async () => {
  const boxed = context({ region: BOX, covers: 1 });
  await boxed.claims.claim();
  assert.deepEqual(boxed.log, []);
  await boxed.claims.claim();
  assert.equal(boxed.log[0][1], "region");
  const whole = context({ asksFirst: false, covers: 1 });
  await whole.claims.fullSlice();
  assert.deepEqual([whole.log, whole.claims.asking], [[], true]);
  await whole.claims.fullSlice();
  assert.equal(whole.log[0][1], "slice");
  const strokes = context({ covers: 1 });
  await strokes.claims.claim();
  assert.equal(strokes.log[0][1], "strokes");
});

test("the page hears of a withdrawn or repeated save, but not of another prediction", async () => {
  const { claims, slice, names } = context();
  await claims.undo({ kind: "save", claim: "strokes", revision: 7 });
  await claims.redo({ kind: "save", claim: "strokes", revision: 7 });
  await claims.undo({ kind: "prediction", from: 1, to: 2 });
  assert.equal(names().filter((name) => name === "restated").length, 2);
  assert.equal(slice.history.canUndo, false);
});

test("a stored save counts even if the slice cannot be loaded again", async () => {
  const { claims, slice, names } = context({ broken: ["loadMask"] });
  await claims.claim();
  assert.deepEqual(names().filter((name) => name !== "ask"), ["saved", "reopen", "changed"]);
  assert.equal(slice.history.canUndo, true);
});

test("a failed save is reported and adds no step", async () => {
  const { claims, slice, names } = context({ broken: ["claim"] });
  await claims.claim();
  assert.deepEqual(names().filter((name) => name !== "ask"), ["failed"]);
  assert.deepEqual([slice.history.canUndo, claims.busy], [false, false]);
});

test("changing the prediction is a step, and undoing it restores the previous one", async () => {
  const { claims, slice, log } = context();
  await claims.rebase(3);
  assert.deepEqual(slice.history.done, [{ kind: "prediction", from: 1, to: 3 }]);
  assert.equal(await claims.undo(slice.history.undo()), true);
  assert.deepEqual(log.filter(([name]) => name === "rebase"), [["rebase", 3], ["rebase", 1]]);
});

test("withdrawing a save keeps its request id until the slice is loaded, then takes a new one", async () => {
  const ids = [];
  const api = { post: async (path, body) => void ids.push([path, JSON.parse(body).id]) };
  const slice = new Slice(api, [2, 2], () => {});
  let tries = 0;
  slice.outbox = { flush: async () => {} };
  slice.loadMask = async () => {
    tries += 1;
    if (tries === 1) throw new TypeError("no answer");
  };
  const step = { kind: "save", claim: "strokes", box: undefined, revision: 4 };
  await assert.rejects(slice.unsave(step), TypeError);
  await slice.unsave(step);
  await slice.unsave(step);
  const [first, second, third] = ids;
  assert.deepEqual(second, first);
  assert.equal(third[0], "undo");
  assert.notEqual(third[1], first[1]);
});
