import assert from "node:assert/strict";
import { test } from "node:test";

import { splitRuns, toBytes, toUint16, toUint32, decodeFrame } from "../../../app/editor/slice/wire.js";

test("numbers are sent as little-endian bytes, from any offset, and long lists in parts", () => {
  assert.deepEqual([...toBytes(new Uint32Array([1, 258]))], [1, 0, 0, 0, 2, 1, 0, 0]);
  assert.deepEqual([...toUint32(new Uint8Array([0, 1, 0, 0, 0]).subarray(1))], [1]);
  assert.deepEqual([...toUint16(new Uint8Array([9, 2, 1, 255, 0]).subarray(1))], [258, 255]);
  const parts = [...splitRuns(new Uint32Array(15), 2)].map((p) => p.length);
  assert.deepEqual(parts, [6, 6, 3]);
});

test("a response is split into facts and bytes", () => {
  const head = new TextEncoder().encode('{"a":12} ');
  const padded = new Uint8Array(4 + 12 + 2);
  padded[0] = 12;
  padded.fill(32, 4, 16);
  padded.set(head, 4);
  padded.set([7, 8], 16);
  const { facts, body } = decodeFrame(padded.buffer);
  assert.deepEqual(facts, { a: 12 });
  assert.deepEqual([...body], [7, 8]);
});
