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

/** A host of plain things, and all that were made. */
function stage() {
  const made = [];
  const keys = new EventTarget();
  const make = () => {
    const editor = { root: new EventTarget(), place: null, focused: false, closed: false, taken: 0, got: [] };
    editor.root.remove = () => (editor.place = null);
    for (const name of ["keydown", "keyup"]) editor.root.addEventListener(name, (event) => editor.got.push([name, event.key]));
    editor.close = () => (editor.closed = true);
    editor.focus = () => (editor.taken += 1);
    made.push(editor);
    return editor;
  };
  const place = (name) => ({ appendChild: (root) => (made.find((editor) => editor.root === root).place = name) });
  const press = (...names) => names.forEach((name) => keys.dispatchEvent(new Key("keydown", { key: name })));
  return { host: new ComponentHost(make, 20, keys), made, place, press };
}

test("a parent has one editor, however often it is mounted", () => {
  const { host, made, place } = stage();
  const here = place("here");
  assert.equal(host.mount(here), host.mount(here));
  assert.deepEqual([made.length, made[0].place], [1, "here"]);
});

test("an editor without a parent moves to the next one, with the focus if it had it", async () => {
  for (const focused of [true, false]) {
    const { host, made, place } = stage();
    const [first, second] = [place("first"), place("second")];
    host.mount(first).focused = focused;
    host.unmount(first);
    assert.equal(made[0].place, null);
    assert.equal(host.mount(second), made[0]);
    await later(40);
    assert.deepEqual([made.length, made[0].place, made[0].closed, made[0].taken], [1, "second", false, Number(focused)]);
  }
});

test("an editor without a new parent is closed, and the next mount makes a new one", async () => {
  const { host, made, place } = stage();
  const first = place("first");
  host.mount(first);
  host.unmount(first);
  host.unmount(first);
  await later(40);
  assert.equal(made[0].closed, true);
  host.mount(place("second"));
  assert.deepEqual([made.length, made[1].closed], [2, false]);
});

test("a parent mounted before another is removed has an editor of its own", async () => {
  const { host, made, place } = stage();
  const [first, second] = [place("first"), place("second")];
  host.mount(first);
  host.mount(second);
  host.unmount(first);
  await later(40);
  assert.deepEqual(made.map((editor) => [editor.place, editor.closed]), [[null, true], ["second", false]]);
});

test("keys pressed while an editor has no parent reach it in order, if it had the focus", () => {
  for (const focused of [true, false]) {
    const { host, made, place, press } = stage();
    const first = place("first");
    host.mount(first).focused = focused;
    press("a");
    host.unmount(first);
    press("b", "Enter");
    assert.deepEqual(made[0].got, []);
    host.mount(place("second"));
    press("c");
    assert.deepEqual(made[0].got, focused ? [["keydown", "b"], ["keydown", "Enter"]] : []);
  }
});

test("keys pressed for a closed editor reach no other one", async () => {
  const { host, made, place, press } = stage();
  const first = place("first");
  host.mount(first).focused = true;
  host.unmount(first);
  press("b");
  await later(40);
  host.mount(place("second"));
  assert.deepEqual(made.map((editor) => editor.got), [[], []]);
});
