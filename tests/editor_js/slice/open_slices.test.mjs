import assert from "node:assert/strict";
import { test } from "node:test";

import { OpenSlices } from "../../../app/editor/slice/open_slices.js";
import { emptySlice } from "../toys.mjs";

/** A server that holds its answers to strokes until released. */
function server() {
  const held = [];
  const log = [];
  globalThis.fetch = async (path, { method } = {}) => {
    log.push(path.split("?")[0]);
    if (method === "POST") await new Promise((go) => held.push(go));
    return { ok: true, arrayBuffer: async () => emptySlice(), json: async () => ({ sequence: 1 }) };
  };
  return { log, letGo: () => held.splice(0).forEach((go) => go()) };
}

function slices() {
  const states = [];
  const made = new OpenSlices({
    leaving() {},
    left() {},
    opened() {},
    grey: async () => {},
    state: (state) => states.push(state),
    refused() {},
  });
  return { made, states };
}

const source = (z) => () => ({ base: `/api/p/0/${z}`, shape: [4, 4], token: "t" });
const STROKE = { forward: Uint32Array.from([0, 3, 257]), inverse: Uint32Array.from([0, 3, 0]) };

test("a slice is opened again only after its last strokes have been stored", async () => {
  const { log, letGo } = server();
  const { made, states } = slices();
  (await made.open(source(3))).commit(STROKE);
  await made.open(source(4));
  assert.equal(made.unsent, true);
  const back = made.open(source(3));
  await new Promise((done) => setTimeout(done, 5));
  assert.equal(log.filter((path) => path === "/api/p/0/3/slice").length, 1, "opened before the stroke had arrived");
  letGo();
  await back;
  assert.equal(log.filter((path) => path === "/api/p/0/3/slice").length, 2);
  assert.equal(made.unsent, false);
  assert.equal(states.at(-1), "saved");
});

test("of two slices opened at the same time, the later one stays", async () => {
  server();
  const { made } = slices();
  const first = made.open(source(1));
  const second = made.open(source(2));
  await Promise.allSettled([first, second]);
  assert.equal(made.current.api.base, "/api/p/0/2");
});
