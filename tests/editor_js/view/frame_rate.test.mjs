import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameRate } from "../../../app/editor/view/frame_rate.js";

test("frames that keep up are drawn in full, also after a pause", () => {
  const frameRate = new FrameRate(() => assert.fail("nothing was rough"));
  for (const time of [0, 17, 33, 50, 900, 917, 2000]) frameRate.frame(time);
  assert.equal(frameRate.slow, false);
  frameRate.close();
});

test("two late frames turn smoothing off until the view rests", async () => {
  let rested = 0;
  const frameRate = new FrameRate(() => (rested += 1));
  frameRate.frame(0);
  frameRate.frame(40);
  assert.equal(frameRate.slow, false);
  frameRate.frame(80);
  assert.equal(frameRate.slow, true);
  frameRate.frame(97);
  assert.equal(frameRate.slow, true);
  await new Promise((done) => setTimeout(done, 260));
  assert.deepEqual([frameRate.slow, rested], [false, 1]);
});
