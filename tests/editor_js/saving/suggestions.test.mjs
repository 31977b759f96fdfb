import assert from "node:assert/strict";
import { test } from "node:test";

import { suggestionAction, Suggestions } from "../../../app/editor/saving/suggestions.js";
import { Raster } from "../../../app/editor/slice/raster.js";

function raster(width, mask, touched = [], saved = []) {
  const made = new Raster(width, mask.length / width);
  made.mask.set(mask);
  made.touched.set(touched);
  made.saved = Uint8Array.from({ length: mask.length }, (_, i) => saved[i] ?? 0);
  return made;
}

test("a suggestion changes what is neither painted nor saved, does not count as painted, and can be undone", () => {
  const made = raster(4, [0, 0, 1, 1, 0, 0, 0, 0], [0, 1], [0, 0, 1]);
  const before = [...made.mask];
  const action = suggestionAction(made, Uint32Array.from([4, 2, 2, 255, 2, 0]));
  made.apply(action.forward);
  assert.deepEqual([...made.mask], [2, 0, 1, 2, 0, 0, 0, 0]);
  assert.deepEqual([...made.touched], [0, 1, 0, 0, 0, 0, 0, 0]);
  made.apply(action.inverse);
  assert.deepEqual([...made.mask], before);
  assert.equal(suggestionAction(made, Uint32Array.from([8, 255])), null);
});

/** Suggestions for a slice whose server answers with `answer`, or fails with it, and a record of what was said. */
function suggestions(answer) {
  const made = { said: [], actions: [], idle: true };
  made.slice = made.open = {
    raster: raster(2, [0, 0]),
    suggestion: async () => {
      if (answer instanceof Error) throw answer;
      return { facts: { from: [3, 5] }, pairs: Uint32Array.from(answer) };
    },
    commit: (action) => made.actions.push(action),
  };
  made.suggestions = new Suggestions({
    slice: () => made.open,
    idle: () => made.idle,
    painted: () => {},
    say: (text) => made.said.push(text),
    done: () => {},
  });
  return made;
}

test("a suggestion becomes one action and names its slices, and an equal one changes nothing", async () => {
  const other = suggestions([2, 1]);
  await other.suggestions.suggest("");
  assert.deepEqual([[...other.slice.raster.mask], other.actions.length], [[1, 1], 1]);
  assert.match(other.said.at(-1), /^Suggested from slices 3 and 5\./);
  const equal = suggestions([2, 0]);
  await equal.suggestions.suggest("");
  assert.equal(equal.actions.length, 0);
  assert.equal(equal.said.at(-1), "The mask already matches slices 3 and 5.");
});

test("a suggestion is dropped if another slice is open or a change is in progress by then, and a failure is reported", async () => {
  for (const change of [(made) => (made.open = null), (made) => (made.idle = false)]) {
    const made = suggestions([2, 1]);
    const asked = made.suggestions.suggest("");
    change(made);
    await asked;
    assert.deepEqual([[...made.slice.raster.mask], made.actions.length], [[0, 0], 0]);
  }
  const failing = suggestions(new Error("There is no labelled slice nearby."));
  await failing.suggestions.suggest("");
  assert.equal(failing.said.at(-1), "There is no labelled slice nearby.");
});
