import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../../../app/editor/view/frame_rate.js";

test("frames that keep up are drawn in full, also after a pause", () => {
  const pace = new Pace(() => assert.fail("nothing was rough"));
  for (const time of [0, 17, 33, 50, 900, 917, 2000]) pace.frame(time);
  assert.equal(pace.rough, false);
  pace.close();
});

test("two late frames make the movement rough, and once the view rests it is drawn again", async () => {
  let rested = 0;
  const pace = new Pace(() => (rested += 1));
  pace.frame(0);
  pace.frame(40);
  assert.equal(pace.rough, false);
  pace.frame(80);
  assert.equal(pace.rough, true);
  pace.frame(97);
  assert.equal(pace.rough, true);
  await new Promise((done) => setTimeout(done, 260));
  assert.deepEqual([pace.rough, rested], [false, 1]);
});
