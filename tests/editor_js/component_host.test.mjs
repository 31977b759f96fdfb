import assert from "node:assert/strict";
import { test } from "node:test";

import { ComponentHost } from "../../app/editor/component_host.js";

const later = (ms) => new Promise((done) => setTimeout(done, ms));

/** A key press, as browsers make them. */
class Key extends Event {
  constructor(type, { key }) {
    super(type, { cancelable: true });
    this.key = key;
  }
}

/** Mounts of plain things, and all that were made. */
function stage() {
  const made = [];
  const keys = new EventTarget();
  const make = () => {
    const guest = { root: new EventTarget(), place: null, focused: false, closed: false, taken: 0, got: [] };
    guest.root.remove = () => (guest.place = null);
    for (const name of ["keydown", "keyup"]) guest.root.addEventListener(name, (event) => guest.got.push([name, event.key]));
    guest.close = () => (guest.closed = true);
    guest.focus = () => (guest.taken += 1);
    made.push(guest);
    return guest;
  };
  const place = (name) => ({ appendChild: (root) => (made.find((guest) => guest.root === root).place = name) });
  const press = (...names) => names.forEach((name) => keys.dispatchEvent(new Key("keydown", { key: name })));
  return { mounts: new ComponentHost(make, 20, keys), made, place, press };
}

test("a place has one editor, however often it is asked for", () => {
  const { mounts, made, place } = stage();
  const here = place("here");
  assert.equal(mounts.at(here), mounts.at(here));
  assert.deepEqual([made.length, made[0].place], [1, "here"]);
});

test("an editor whose place is taken away goes on at the next one, with the keyboard if it had it", async () => {
  for (const focused of [true, false]) {
    const { mounts, made, place } = stage();
    const [first, second] = [place("first"), place("second")];
    mounts.at(first).focused = focused;
    mounts.leave(first);
    assert.equal(made[0].place, null);
    assert.equal(mounts.at(second), made[0]);
    await later(40);
    assert.deepEqual([made.length, made[0].place, made[0].closed, made[0].taken], [1, "second", false, Number(focused)]);
  }
});

test("one that gets no other place is closed, and the next is a new one", async () => {
  const { mounts, made, place } = stage();
  const first = place("first");
  mounts.at(first);
  mounts.leave(first);
  mounts.leave(first);
  await later(40);
  assert.equal(made[0].closed, true);
  mounts.at(place("second"));
  assert.deepEqual([made.length, made[1].closed], [2, false]);
});

test("a new place that comes before the old one goes has an editor of its own", async () => {
  const { mounts, made, place } = stage();
  const [first, second] = [place("first"), place("second")];
  mounts.at(first);
  mounts.at(second);
  mounts.leave(first);
  await later(40);
  assert.deepEqual(made.map((guest) => [guest.place, guest.closed]), [[null, true], ["second", false]]);
});

test("keys pressed while an editor has no place come to it, in order, if it had the keyboard", () => {
  for (const focused of [true, false]) {
    const { mounts, made, place, press } = stage();
    const first = place("first");
    mounts.at(first).focused = focused;
    press("a");
    mounts.leave(first);
    press("b", "Enter");
    assert.deepEqual(made[0].got, []);
    mounts.at(place("second"));
    press("c");
    assert.deepEqual(made[0].got, focused ? [["keydown", "b"], ["keydown", "Enter"]] : []);
  }
});

test("keys pressed for an editor that is closed come to no other one", async () => {
  const { mounts, made, place, press } = stage();
  const first = place("first");
  mounts.at(first).focused = true;
  mounts.leave(first);
  press("b");
  await later(40);
  mounts.at(place("second"));
  assert.deepEqual(made.map((guest) => guest.got), [[], []]);
});
