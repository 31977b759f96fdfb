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
  const [states, refusals] = [[], []];
  const made = new OpenSlices({
    leaving() {},
    left() {},
    opened() {},
    grey: async () => {},
    state: (state) => states.push(state),
    refused: (...refusal) => refusals.push(refusal),
  });
  return { made, states, refusals };
}

/** A server with one project, which may be made anew: it refuses changes that do not name it; without it, all fail. */
function projects() {
  const stored = [];
  const server = { created: "1", height: 4, away: false, stored };
  globalThis.fetch = async (path, { method, headers } = {}) => {
    const { created, height, away } = server;
    const answer = (status, said) => ({ ok: status === 200, status, json: async () => said });
    if (away) return answer(503, { error: "out of reach" });
    if (method !== "POST") return { ok: true, arrayBuffer: async () => emptySlice({ created, height }) };
    if (headers["X-Underpaint-Created"] !== created) return answer(409, { error: "made anew" });
    stored.push(`${created} ${path.split("/").slice(5).join("/").split("?")[0]}`);
    return answer(200, { revision: 1 });
  };
  return server;
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

test("strokes and a save queued for a deleted project are dropped, said so, and not stored in the next of its name", async () => {
  const server = projects();
  const { made, states, refusals } = slices();
  const slice = await made.open(source(3));
  slice.outbox.wait = slice.retrier.wait = () => new Promise((done) => setTimeout(done));
  server.away = true;
  slice.commit(STROKE);
  slice.commit(STROKE);
  const claim = slice.claim("slice");
  await new Promise((done) => setTimeout(done, 5));
  assert.deepEqual([states.at(-1), slice.outbox.unsent], ["retrying", true]);
  server.created = "2";
  server.away = false;
  await assert.rejects(claim, /made anew/);
  assert.deepEqual([states.at(-1), slice.outbox.unsent, refusals], ["refused", false, [["made anew", true]]]);
  assert.deepEqual(server.stored, []);
  const anew = await made.open(source(3));
  anew.commit(STROKE);
  await anew.claim("slice");
  assert.deepEqual(server.stored, ["2 patch/1", "2 claim"]);
});

test("every change says which project it is for", async () => {
  const server = projects();
  const slice = await slices().made.open(source(3));
  slice.commit(STROKE);
  await slice.claim("strokes");
  await slice.unsave({ revision: 1 });
  await slice.putOff(null);
  await slice.rebase(0);
  assert.deepEqual(server.stored, ["1 patch/1", "1 claim", "1 undo", "1 put_off", "1 rebase"]);
});

test("a slice is never loaded over that of a deleted project, nor at another size than is shown", async () => {
  const server = projects();
  const { made } = slices();
  const slice = await made.open(source(3));
  server.created = "2";
  await assert.rejects(slice.loadMask(), /made anew/);
  assert.equal(slice.api.created, "1");
  server.height = 5;
  await assert.rejects(made.open(source(3)), /5 x 4 pixels/);
});
