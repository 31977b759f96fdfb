import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../app/editor/history.js";

const action = (n) => ({ forward: [n], inverse: [-n] });

test("undo gives the inverse of the last action, redo its runs again", () => {
  const history = new History();
  history.push(action(1));
  history.push(action(2));
  assert.deepEqual([history.undo(), history.undo(), history.undo()], [[-2], [-1], null]);
  assert.deepEqual([history.redo(), history.redo(), history.redo()], [[1], [2], null]);
});

test("a new action forgets what was undone", () => {
  const history = new History();
  history.push(action(1));
  history.undo();
  history.push(action(2));
  assert.equal(history.canRedo, false);
  assert.deepEqual(history.undo(), [-2]);
});

test("only the last steps are kept", () => {
  const history = new History(2);
  for (const n of [1, 2, 3]) history.push(action(n));
  assert.deepEqual([history.undo(), history.undo(), history.undo()], [[-3], [-2], null]);
});
