import assert from "node:assert/strict";
import { test } from "node:test";

import { ActiveClock, GivenUp, Outbox, Retrier, Refused } from "../../../app/editor/slice/transport.js";

const RUN = new Uint32Array([0, 1, 257]);

/** A server with scripted answers: each entry is an error to throw, or undefined. */
function server(...answers) {
  const got = [];
  const post = async (path) => {
    got.push(path);
    const answer = answers.shift();
    if (answer !== undefined) throw answer;
    return {};
  };
  return { got, post };
}

function outbox(post, sequence = 0) {
  const states = [];
  const waits = [];
  const box = new Outbox(post, sequence, (state) => states.push(state), async (ms) => void waits.push(ms));
  return { box, states, waits };
}

test("actions are numbered, sent in order and acknowledged", async () => {
  const { got, post } = server();
  const { box, states } = outbox(post, 7);
  box.push(RUN, 120);
  box.push(RUN, 30);
  assert.equal(box.unsent, true);
  await box.flush();
  assert.deepEqual(got, ["patch/8?active_ms=120", "patch/9?active_ms=30"]);
  assert.equal(box.unsent, false);
  assert.equal(states.at(-1), "saved");
});

test("a failed request is sent again with growing pauses, and the queue behind it waits", async () => {
  const { got, post } = server(new Error("no answer"), new Error("no answer"));
  const { box, states, waits } = outbox(post);
  box.push(RUN, 1);
  box.push(RUN, 2);
  await box.flush();
  assert.deepEqual(got, ["patch/1?active_ms=1", "patch/1?active_ms=1", "patch/1?active_ms=1", "patch/2?active_ms=2"]);
  assert.deepEqual(waits, [250, 500]);
  assert.deepEqual(states, ["saving", "retrying", "retrying", "saving", "saved"]);
});

test("an action painted while another is being sent follows it", async () => {
  const got = [];
  let letGo;
  const gate = new Promise((done) => (letGo = done));
  const { box } = outbox(async (path) => {
    got.push(path);
    if (got.length === 1) await gate;
  });
  box.push(RUN, 1);
  box.push(RUN, 2);
  assert.equal(got.length, 1);
  letGo();
  await box.flush();
  assert.equal(got.length, 2);
});

test("a refused action is dropped and reported, and nothing is sent after it", async () => {
  const { got, post } = server(new Refused("changed in another window"));
  const { box, states } = outbox(post);
  box.push(RUN, 1);
  box.push(RUN, 2);
  await box.flush();
  box.push(RUN, 3);
  assert.equal(got.length, 1);
  assert.equal(box.unsent, false);
  assert.equal(states.at(-1), "refused");
});

test("a pause of more than thirty seconds stops the clock", () => {
  let now = 0;
  const clock = new ActiveClock(30000, () => now);
  now = 5000;
  clock.input();
  now = 15000;
  assert.equal(clock.take(), 15000);
  now = 15000 + 600000;
  clock.input();
  now += 1000;
  assert.equal(clock.take(), 31000);
});

test("a request made while the server is away runs once it answers, and is not repeated", async () => {
  const [told, tries] = [[], []];
  const retrier = new Retrier((sentence) => told.push(sentence), async () => {});
  const away = async () => {
    if (tries.push("try") < 3) throw new Error("away");
    return "done";
  };
  assert.equal(await retrier.until(away), "done");
  assert.deepEqual([tries.length, told], [3, ["away", "away"]]);
});

test("a refused request is not repeated", async () => {
  let tries = 0;
  const refusing = async () => {
    tries += 1;
    throw new Refused("no");
  };
  await assert.rejects(new Retrier(() => {}, async () => {}).until(refusing), Refused);
  assert.equal(tries, 1);
});

test("a request given up is not repeated", async () => {
  let tries = 0;
  let later;
  const retrier = new Retrier(() => {}, () => new Promise((done) => (later = done)));
  const waiting = retrier.until(async () => {
    tries += 1;
    throw new TypeError("away");
  });
  await new Promise((done) => setTimeout(done));
  retrier.giveUp();
  await assert.rejects(waiting, GivenUp);
  later();
  await new Promise((done) => setTimeout(done));
  assert.equal(tries, 1);
});
