import assert from "node:assert/strict";
import { test } from "node:test";

import { toRunLengths } from "../../../app/editor/saving/suggestions.js";
import { Raster } from "../../../app/editor/slice/raster.js";
import { Preview } from "../../../app/editor/view/preview.js";

const WHOLE = { x0: 0, y0: 0, x1: 700, y1: 600 };
const settled = () => new Promise((done) => setTimeout(done, 5));

/** A preview of a slice of 700 x 600 pixels, and all that it asks for; `answers` may hold an answer of its own for a query. */
function stage({ on = true, round = 0, answers = {}, bare } = {}) {
  const made = { asked: [], said: [], changed: [], nothingElse: bare ?? round === 0, inView: WHOLE };
  const raster = new Raster(700, 600);
  made.slice = {
    raster,
    round,
    outbox: { sequence: 1, unsent: false },
    api: { get: async (path) => void made.asked.push(path) },
    preview: async (query) => {
      made.asked.push(query);
      const found = answers[query] ?? answers.all;
      if (found instanceof Error) throw found;
      if (found !== undefined) return found;
      const [y0, x0, y1, x1] = query.split("&").map((part) => Number(part.split("=")[1]));
      return { facts: { drawn: true, sentence: "from strokes" }, body: new Uint8Array((y1 - y0) * (x1 - x0)).fill(made.slice.outbox.sequence) };
    },
  };
  made.preview = new Preview(on, {
    nothingElse: () => made.nothingElse,
    inView: () => made.inView,
    changed: (rect) => made.changed.push(rect),
    hint: (sentence) => made.said.push(sentence),
  });
  return made;
}

const TILES = ["y0=0&x0=0&y1=512&x1=512", "y0=0&x0=512&y1=512&x1=700", "y0=512&x0=0&y1=600&x1=512", "y0=512&x0=512&y1=600&x1=700"];

test("every tile in view is requested once, from the centre outwards, and shown", async () => {
  const { preview, slice, asked, said } = stage();
  preview.follow(slice);
  await settled();
  const [prepared, first, ...others] = asked;
  assert.equal(prepared, `preview?${TILES[0]}&prepare=1`);
  assert.equal(first, TILES[0]);
  assert.deepEqual([first, ...others].sort(), [...TILES].sort());
  assert.ok(slice.raster.preview.every((id) => id === 1));
  assert.equal(said.at(-1), "from strokes");
  preview.renew();
  await settled();
  assert.equal(asked.length, 5);
});

test("a stored stroke renews every tile, an unsent one none", async () => {
  const { preview, slice, asked } = stage();
  preview.follow(slice);
  await settled();
  Object.assign(slice.outbox, { sequence: 2, unsent: true });
  preview.renew();
  await settled();
  assert.equal(asked.length, 5);
  slice.outbox.unsent = false;
  preview.renew();
  await settled();
  assert.equal(asked.length, 9);
  assert.ok(slice.raster.preview.every((id) => id === 2));
});

test("without a preview the reason is given once, and the old preview is removed", async () => {
  const { preview, slice, asked, said } = stage({ answers: { all: { facts: { drawn: false, sentence: "paint a second class" } } } });
  preview.follow(slice);
  await settled();
  assert.equal(asked.length, 2);
  assert.deepEqual([said.at(-1), preview.drawn], ["paint a second class", false]);
});

test("a view of very many pixels has no preview, and says what to do", async () => {
  const made = stage();
  const large = new Raster(6000, 6000);
  made.slice.raster = large;
  made.inView = { x0: 0, y0: 0, x1: 6000, y1: 6000 };
  made.preview.follow(made.slice);
  await settled();
  assert.equal(made.said.at(-1), "Zoom in to see a preview.");
  assert.equal(made.asked.filter((path) => !path.includes("prepare")).length, 0);
  made.inView = { x0: 100, y0: 100, x1: 400, y1: 300 };
  made.preview.moved();
  await new Promise((done) => setTimeout(done, 300));
  assert.deepEqual(made.asked.slice(1), ["y0=0&x0=0&y1=512&x1=512"]);
});

test("it covers a network's prediction only while it scores better, and says so either way", async () => {
  for (const ahead of [true, false]) {
    const { preview, slice, said } = stage({ round: 3, answers: { "handover=1": { facts: { drawn: false, ahead, sentence: "so" } } } });
    preview.follow(slice);
    await settled();
    assert.ok(said.includes("so"));
    assert.equal(preview.drawn, ahead);
  }
});

test("it disappears when turned off, hidden or unwanted, and returns when turned on again", async () => {
  const made = stage();
  const { preview, slice } = made;
  preview.follow(slice);
  await settled();
  for (const leave of [() => preview.setOn(false), () => preview.hide("why"), () => ((made.nothingElse = false), preview.renew())]) {
    assert.equal(preview.drawn, true);
    leave();
    assert.equal(preview.drawn, false);
    preview.renew();
    await settled();
    assert.equal(preview.drawn, false);
    made.nothingElse = true;
    preview.setOn(true);
    await settled();
  }
});

test("an answer for another slice is dropped, and a failure is reported", async () => {
  const made = stage({ answers: { all: new TypeError("fetch failed") } });
  made.preview.follow(made.slice);
  await settled();
  assert.match(made.said.at(-1), /does not answer/);
  const other = stage();
  other.preview.follow(other.slice);
  other.preview.follow(null);
  await settled();
  assert.equal(other.slice.raster.preview, null);
});

test("only unlabelled pixels show the preview", () => {
  const raster = new Raster(4, 1);
  assert.equal(raster.previewed(0), false);
  raster.preview = Uint8Array.from([1, 1, 1, 255]);
  raster.touched[1] = 1;
  raster.saved[2] = 1;
  assert.deepEqual([0, 1, 2, 3].map((at) => raster.previewed(at)), [true, false, false, false]);
});

test("the class ids of a slice are encoded as pairs of length and class", () => {
  assert.deepEqual([...toRunLengths(Uint8Array.from([1, 1, 255, 0, 0, 0]))], [2, 1, 1, 255, 3, 0]);
  assert.equal(toRunLengths(new Uint8Array(0)).length, 0);
});
