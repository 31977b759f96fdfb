/** The transfer format of slices and runs: frames of JSON facts and bytes, and little-endian numbers. */

/** Split a long list of runs to stay within the server's limit for a request. @param {Uint32Array} runs */
export function* splitRuns(runs, most = 500000) {
  for (let r = 0; r < runs.length; r += 3 * most) yield runs.subarray(r, r + 3 * most);
}

/** Split a response into facts and bytes. @param {ArrayBuffer} buffer @returns {{facts: any, body: Uint8Array}} */
export function decodeFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { facts, body: new Uint8Array(buffer, 4 + length) };
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Read little-endian uint32 on any machine. @param {Uint8Array} bytes */
export function toUint32(bytes) {
  if (LITTLE_ENDIAN && bytes.byteOffset % 4 === 0) {
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getUint32(4 * i, true));
}

/** Return the bytes behind numbers from `toUint32`. @param {Uint32Array} numbers @returns {Uint8Array} */
export function rawBytes(numbers) {
  if (!LITTLE_ENDIAN) return toBytes(numbers);
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** Read little-endian uint16 on any machine. @param {Uint8Array} bytes */
export function toUint16(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: bytes.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}

/** Write little-endian uint32 on any machine. @param {Uint32Array} numbers */
export function toBytes(numbers) {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < numbers.length; i += 1) view.setUint32(4 * i, numbers[i], true);
  return bytes;
}
