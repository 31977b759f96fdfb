import assert from "node:assert/strict";
import { test } from "node:test";

import { PendingStep } from "../../../app/editor/slice/pending_step.js";

test("the page decides, except while it has not caught up with a step", () => {
  const now = 0;
  const follower = new PendingStep(() => now);
  assert.equal(follower.pageIsAt(10), true);
  follower.stepTo(11);
  follower.stepTo(12);
  assert.equal(follower.pageIsAt(11), false);
  assert.equal(follower.pageIsAt(12), true);
  assert.equal(follower.pageIsAt(3), true);
});

test("a page on another slice decides after the timeout", () => {
  let now = 0;
  const follower = new PendingStep(() => now);
  follower.pageIsAt(10);
  follower.stepTo(11);
  now = 6000;
  assert.equal(follower.pageIsAt(10), true);
});
