/** The histogram of a slice: positions of grey values, and the drawing. */

/** @typedef {import("../view/display_settings.js").Histogram} Histogram */

/** Return the position of a raw value, 0 left to 1 right, clipped to the edges. @param {Histogram} histogram */
export function placeOf({ low, high }, value) {
  return Math.max(0, Math.min(1, (value - low) / (high - low)));
}

/** Return the raw value at a position from 0 to 1, an integer for integer data. @param {Histogram} histogram */
export function valueAt({ low, high, dtype }, place) {
  const value = low + place * (high - low);
  if (dtype === "uint8") return Math.min(255, Math.round(value));
  return dtype === "uint16" ? Math.round(value) : value;
}

/** Format a raw value in few digits. @param {number} value */
export function valueText(value) {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

/**
 * Return bar heights, 0 to 1. Square roots show a faint phase beside the matrix; a single dominant bin, such as the black
 * around a sample, is clipped.
 * @param {number[]} counts
 */
export function barHeights(counts) {
  const roots = counts.map(Math.sqrt);
  const second = [...roots].sort((a, b) => b - a)[1];
  const top = Math.max(...roots) > 3 * second && second > 0 ? second : Math.max(1e-9, ...roots);
  return roots.map((root) => Math.min(1, root / top));
}

/**
 * Draw the histogram, with clipped values shaded, and the curve from black to white.
 * @param {HTMLCanvasElement} canvas @param {Histogram} histogram
 * @param {[number, number]} window raw black and white @param {number} gamma @param {boolean} invert
 */
export function drawHistogram(canvas, histogram, window, gamma, invert) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const [left, right] = window.map((value) => placeOf(histogram, value) * width);
  context.clearRect(0, 0, width, height);
  context.fillStyle = getComputedStyle(canvas).color;
  const heights = barHeights(histogram.counts);
  heights.forEach((share, i) => {
    const [x0, x1] = [i, i + 1].map((edge) => Math.floor((edge * width) / heights.length));
    const bar = share * (height - 2);
    context.globalAlpha = x1 <= left || x0 >= right ? 0.25 : 0.6;
    context.fillRect(x0, height - bar, x1 - x0, bar);
  });
  context.globalAlpha = 1;
  context.strokeStyle = context.fillStyle;
  context.lineWidth = Math.max(1, width / 180);
  context.beginPath();
  for (let step = 0; step <= 32; step += 1) {
    const share = (step / 32) ** (1 / gamma);
    context.lineTo(left + (step / 32) * (right - left), height * (invert ? share : 1 - share));
  }
  context.stroke();
}
