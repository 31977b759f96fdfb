import assert from "node:assert/strict";
import { test } from "node:test";

import { Navigation } from "../../../app/editor/slice/navigation.js";
import { emptySlice } from "../toys.mjs";

const page = (z, more = {}) => ({ base: `/api/p/0/${z}`, volume: 0, z, shape: [4, 4], token: "t", boxes: [], proposal: null, ...more });

/** Navigation with a server that has every slice, and a record of its callbacks. */
function opening({ fails = false, atWork = false } = {}) {
  globalThis.fetch = async () => {
    if (fails) return { ok: false, status: 500, json: async () => ({ error: "The file is gone." }) };
    return { ok: true, arrayBuffer: async () => emptySlice() };
  };
  const said = [];
  const note = (name) => (...values) => said.push([name, ...values].join(" "));
  const made = new Navigation({
    atWork: () => atWork,
    leaving: note("leaving"),
    left: note("left"),
    opened: (slice) => said.push(`opened ${slice.api.base}`),
    grey: async () => {},
    sharp: async (slice) => said.push(`sharp ${slice.api.base}`),
    boxes: note("boxes"),
    cover: note("cover"),
    reason: note("reason"),
    stepped: note("stepped"),
    state: note("state"),
    refused: note("refused"),
  });
  return { made, said, rest: () => new Promise((done) => setTimeout(done, 5)) };
}

test("the page's slice is opened, and not opened again by the same data", async () => {
  const { made, said, rest } = opening();
  made.update(page(3, { proposal: "the model is unsure" }));
  await rest();
  const opened = ["cover loading Loading slice 3 …", "left", "opened /api/p/0/3", "sharp /api/p/0/3"];
  assert.deepEqual(said, ["reason the model is unsure", ...opened]);
  assert.equal(made.depth, 9);
  said.length = 0;
  made.update(page(3));
  assert.deepEqual(said, ["reason "]);
  made.update(page(3, { boxes: [[0, 0, 2, 2]] }));
  assert.deepEqual(said.slice(1), ["reason ", "boxes"]);
});

test("a step opens the neighbour at once and the page follows; its echo changes nothing", async () => {
  const { made, said, rest } = opening();
  made.update(page(3));
  await rest();
  said.length = 0;
  made.stepTo(4);
  await rest();
  assert.deepEqual(said.filter((line) => /stepped|opened/.test(line)), ["stepped 4", "opened /api/p/0/4"]);
  said.length = 0;
  made.update(page(3));
  made.update(page(4));
  assert.deepEqual(said, ["reason "]);
  assert.equal(made.slice.api.base, "/api/p/0/4");
});

test("quick steps away and back restore the page's boxes and reason", async () => {
  const { made, said, rest } = opening();
  made.update(page(3, { boxes: [[0, 0, 2, 2]], proposal: "unsure" }));
  await rest();
  made.stepTo(4);
  assert.deepEqual([made.data.boxes, made.data.proposal], [[], null]);
  made.stepTo(3);
  assert.deepEqual([made.data.boxes, said.at(-1)], [[[0, 0, 2, 2]], "stepped 3"]);
});

test("no step leaves the volume, or a change in progress", async () => {
  const idle = opening();
  idle.made.update(page(8));
  await idle.rest();
  idle.made.stepTo(9);
  idle.made.stepTo(-1);
  assert.equal(idle.made.data.z, 8);

  const busy = opening({ atWork: true });
  busy.made.update(page(3));
  await busy.rest();
  busy.made.stepTo(4);
  assert.equal(busy.made.data.z, 3);
});

test("the reason why a slice cannot be opened is shown over the image", async () => {
  const { made, said, rest } = opening({ fails: true });
  made.update(page(3));
  await rest();
  assert.equal(said.at(-1), "cover error The file is gone.");
  assert.equal(made.slice, null);
});
