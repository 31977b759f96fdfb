import assert from "node:assert/strict";
import { test } from "node:test";

import { PointerGestures } from "../../../app/editor/tools/pointer_gestures.js";

const BITS = [1, 4, 2, 8, 16, 32];

/** An element without a browser, and the recorded calls of the handlers, in order. */
function table() {
  const element = new EventTarget();
  element.setPointerCapture = () => {};
  const said = [];
  const at = (event) => `${event.clientX},${event.clientY}`;
  const pointers = new PointerGestures(element, {
    begin: (kind, event) => said.push(`begin ${kind} ${at(event)}`),
    move: (kind, event) => said.push(`move ${kind} ${at(event)}`),
    end: (kind) => said.push(`end ${kind}`),
    cancel: () => said.push("cancel"),
    hover: (event) => said.push(event === null ? "hover none" : `hover ${at(event)}`),
    pan: (dx, dy) => said.push(`pan ${dx},${dy}`),
    zoom: (point, factor) => said.push(`zoom ${at(point)} ${factor.toFixed(2)}`),
    double: () => said.push("double"),
  });
  let clock = 10000;
  const send = (name, x, y, more = {}) => {
    const event = new Event(name, { cancelable: true });
    clock += 5;
    const plain = { pointerId: 1, pointerType: "mouse", button: 0, buttons: 1, clientX: x, clientY: y, timeStamp: clock };
    for (const [key, value] of Object.entries({ ...plain, ...more })) Object.defineProperty(event, key, { value });
    element.dispatchEvent(event);
    return event;
  };
  /** The calls since, without hovering. */
  const heard = () => said.splice(0).filter((line) => !line.startsWith("hover"));
  return { pointers, send, said, heard, wait: (ms) => (clock += ms) };
}

const press = (button) => ({ button, buttons: BITS[button] });
const finger = (pointerId) => ({ pointerId, pointerType: "touch" });
const pen = { pointerId: 9, pointerType: "pen" };

test("the main button draws, the right one erases, the middle one pans, others do nothing", () => {
  const { send, heard, pointers } = table();
  for (const [button, name] of [[0, "draw"], [2, "erase"]]) {
    send("pointerdown", 1, 2, press(button));
    assert.equal(pointers.busy, true);
    send("pointermove", 3, 4, press(button));
    send("pointerup", 3, 4, { ...press(button), buttons: 0 });
    send("lostpointercapture", 3, 4);
    assert.deepEqual(heard(), [`begin ${name} 1,2`, `move ${name} 3,4`, `end ${name}`]);
  }
  send("pointerdown", 1, 2, press(1));
  send("pointermove", 4, 6, press(1));
  send("pointerup", 4, 6, press(1));
  assert.deepEqual(heard(), ["pan 3,4"]);
  send("pointerdown", 1, 2, press(3));
  send("pointermove", 4, 6, press(3));
  assert.deepEqual([heard(), pointers.busy], [[], false]);
});

test("Space makes the main button pan", () => {
  const { send, heard, pointers } = table();
  pointers.space = true;
  send("pointerdown", 1, 1);
  send("pointermove", 2, 3);
  send("pointerup", 2, 3);
  assert.deepEqual(heard(), ["pan 1,2"]);
});

test("a pen draws with its tip and erases with its other end", () => {
  const { send, heard } = table();
  send("pointerdown", 1, 1, pen);
  send("pointerup", 1, 1, pen);
  send("pointerdown", 2, 2, { ...pen, ...press(5) });
  send("pointermove", 3, 3, { ...pen, button: -1, buttons: 32 });
  send("pointerup", 3, 3, { ...pen, button: 5, buttons: 0 });
  assert.deepEqual(heard(), ["begin draw 1,1", "end draw", "begin erase 2,2", "move erase 3,3", "end erase"]);
});

test("all coalesced points between two frames are drawn", () => {
  const { send, heard } = table();
  send("pointerdown", 0, 0);
  send("pointermove", 3, 0, { getCoalescedEvents: () => [{ clientX: 1, clientY: 0 }, { clientX: 3, clientY: 0 }] });
  send("pointermove", 4, 0, { getCoalescedEvents: () => [] });
  assert.deepEqual(heard().slice(1), ["move draw 1,0", "move draw 3,0", "move draw 4,0"]);
});

test("a stroke lost to the system or the page ends and is kept", () => {
  for (const name of ["pointercancel", "lostpointercapture"]) {
    const { send, heard, pointers } = table();
    send("pointerdown", 1, 1);
    send(name, 1, 1);
    send("pointermove", 5, 5);
    assert.deepEqual(heard(), ["begin draw 1,1", "end draw"]);
    assert.equal(pointers.busy, false);
  }
});

test("a stroke ends with its own button, even while another is held or without a pointerup", () => {
  const { send, heard } = table();
  send("pointerdown", 1, 1);
  send("pointermove", 2, 2, { buttons: 3 });
  send("pointermove", 3, 3, { buttons: 2 });
  send("pointerup", 4, 4, { button: 2, buttons: 0 });
  assert.deepEqual(heard(), ["begin draw 1,1", "move draw 2,2", "end draw"]);
});

test("one finger draws; a second cancels that, and both pan and zoom around the point between them", () => {
  const { send, heard, pointers } = table();
  send("pointerdown", 0, 0, finger(1));
  send("pointermove", 0, 10, finger(1));
  send("pointerdown", 100, 10, finger(2));
  assert.deepEqual(heard(), ["begin draw 0,0", "move draw 0,10", "cancel"]);
  send("pointermove", 200, 10, finger(2));
  assert.deepEqual(heard(), ["pan 50,0", "zoom 100,10 2.00"]);
  send("pointerup", 0, 10, finger(1));
  send("pointermove", 210, 10, finger(2));
  assert.deepEqual([heard(), pointers.busy], [[], true]);
  send("pointerdown", 10, 10, finger(3));
  send("pointermove", 110, 10, finger(3));
  assert.deepEqual(heard(), ["pan 50,0", "zoom 160,10 0.50"]);
  send("pointerup", 0, 0, finger(2));
  send("pointerup", 0, 0, finger(3));
  send("pointerdown", 5, 5, finger(4));
  assert.deepEqual(heard(), ["begin draw 5,5"]);
});

test("a palm beside the pen is ignored, while the pen is down and shortly after", () => {
  const { send, heard, wait, said } = table();
  send("pointerdown", 1, 1, pen);
  said.length = 0;
  send("pointerdown", 50, 50, finger(1));
  send("pointermove", 51, 50, finger(1));
  assert.deepEqual(said, []);
  send("pointermove", 2, 2, pen);
  send("pointerup", 2, 2, pen);
  send("pointermove", 55, 50, finger(1));
  send("pointerdown", 60, 60, finger(2));
  assert.deepEqual(heard(), ["move draw 2,2", "end draw"]);
  send("pointerup", 55, 50, finger(1));
  send("pointerup", 60, 60, finger(2));
  wait(1000);
  send("pointerdown", 5, 5, finger(3));
  assert.deepEqual(heard(), ["begin draw 5,5"]);
});

test("the gesture of a palm put down before the pen is cancelled, even if it touches in two places", () => {
  const { send, heard } = table();
  send("pointerdown", 50, 50, finger(1));
  send("pointerdown", 1, 1, pen);
  send("pointermove", 52, 50, finger(1));
  send("pointerup", 1, 1, pen);
  assert.deepEqual(heard(), ["begin draw 50,50", "cancel", "begin draw 1,1", "end draw"]);

  const other = table();
  other.send("pointerdown", 50, 50, finger(1));
  other.send("pointerdown", 60, 60, finger(2));
  other.send("pointerdown", 1, 1, pen);
  other.send("pointerup", 60, 60, finger(2));
  other.send("pointermove", 2, 2, pen);
  assert.deepEqual(other.heard(), ["begin draw 50,50", "cancel", "begin draw 1,1", "move draw 2,2"]);
});

test("a touch while the mouse draws does not disturb it", () => {
  const { send, heard } = table();
  send("pointerdown", 1, 1, { pointerId: 7 });
  send("pointerdown", 50, 50, finger(1));
  send("pointermove", 60, 50, finger(1));
  send("pointermove", 2, 2, { pointerId: 7 });
  assert.deepEqual(heard(), ["begin draw 1,1", "move draw 2,2"]);
});

test("mouse and pen hover, fingers do not", () => {
  const { send, said } = table();
  send("pointermove", 1, 1, { buttons: 0 });
  send("pointerleave", 0, 0);
  send("pointerdown", 2, 2, finger(1));
  send("pointermove", 3, 3, finger(1));
  assert.deepEqual(said.filter((line) => line.startsWith("hover")), ["hover 1,1", "hover none", "hover none"]);
});

test("a double click is passed on, and no menu opens", () => {
  const { send, heard } = table();
  send("dblclick", 1, 1);
  assert.deepEqual(heard(), ["double"]);
  assert.equal(send("contextmenu", 1, 1).defaultPrevented, true);
});

test("the wheel zooms around the cursor, a trackpad's pinch by finer steps", () => {
  const { send, heard } = table();
  send("wheel", 4, 5, { deltaY: -100, deltaMode: 0, ctrlKey: false });
  send("wheel", 4, 5, { deltaY: 3, deltaMode: 1, ctrlKey: false });
  send("wheel", 4, 5, { deltaY: -10, deltaMode: 0, ctrlKey: true });
  assert.deepEqual(heard(), ["zoom 4,5 1.19", "zoom 4,5 0.85", "zoom 4,5 1.10"]);
});
