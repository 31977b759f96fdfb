import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../../app/editor/slice/raster.js";
import { Camera } from "../../../app/editor/view/camera.js";
import { GreyLoader } from "../../../app/editor/view/grey_loader.js";

const PLAIN = { channel: 0, second: null, mix: 50, low: null, high: null, cut: 0.5, smooth: false };
const forever = new AbortController().signal;

/** A slice of 8 x 8 whose greys are 10 times the channel; answers for a channel of `slow` never come by themselves. */
function slice(slow = -1) {
  const get = (path, signal) =>
    new Promise((done, failed) => {
      const channel = Number(new URLSearchParams(path.split("?")[1]).get("channel"));
      signal.addEventListener("abort", () => failed(signal.reason));
      if (channel === 9) failed(new Error("out of reach"));
      if (channel !== slow) done(new Uint8Array(64).fill(10 * channel).buffer);
    });
  return { raster: new Raster(8, 8), api: { get }, histogram: async (channel) => ({ channel }) };
}

function greys() {
  const settings = { display: PLAIN, histograms: [], loaded() {}, setFacts: (_, found) => settings.histograms.push(found.channel) };
  const failures = [];
  const view = { camera: new Camera(), greyChanged() {} };
  return { settings, failures, made: new GreyLoader(view, settings, (error) => failures.push(error.message)) };
}

test("a newer request replaces one in progress, which then counts as done", async () => {
  const { settings, failures, made } = greys();
  const open = slice(1);
  settings.display = { ...PLAIN, channel: 1 };
  const first = made.load(open, forever);
  settings.display = { ...PLAIN, channel: 2 };
  made.renew(open, forever);
  await first;
  await new Promise((done) => setTimeout(done, 5));
  assert.equal(open.raster.levels[0].grey[63], 20);
  assert.deepEqual([failures, settings.histograms.at(-1)], [[], 2]);
});

test("the same request is not sent twice", async () => {
  const { made } = greys();
  const open = slice();
  await made.load(open, forever);
  open.api.get = () => assert.fail("asked again");
  made.renew(open, forever);
});

test("a failed request is reported", async () => {
  const { settings, failures, made } = greys();
  settings.display = { ...PLAIN, channel: 9 };
  await assert.rejects(made.load(slice(), forever), /out of reach/);
  assert.deepEqual(failures, ["out of reach"]);
});
