/** A minimal canvas to record what is drawn into it. */

export class FakeImageData {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
}

/** Return the key of a pixel in the pixels of a canvas; a number, as text takes ten times as long. */
export const pixelKey = (x, y) => y * 65536 + x;

class FakeCanvas {
  width = 300;
  height = 150;
  /** Pixels put, by {@link pixelKey}. @type {Map<number, number>} */
  pixels = new Map();
  puts = 0;

  getContext() {
    return {
      putImageData: (image, dx, dy, x, y, width, height) => {
        this.puts += 1;
        const source = new Uint32Array(image.data.buffer);
        for (let row = y; row < y + height; row += 1) {
          for (let column = x; column < x + width; column += 1) {
            this.pixels.set(pixelKey(dx + column, dy + row), source[row * image.width + column]);
          }
        }
      },
    };
  }
}

export function installCanvases() {
  globalThis.ImageData = FakeImageData;
  globalThis.document = { createElement: () => new FakeCanvas() };
}
