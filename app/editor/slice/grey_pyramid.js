/** The grey values of a slice at several resolutions. Rows of one level update the coarser and the finer levels. */

/** @typedef {{width: number, height: number, grey: Uint8Array}} Level */

/**
 * Store whole rows of a level. Fill coarser levels with means of 2 x 2 pixels, and finer levels with copies, which later
 * rows of those levels replace.
 * @param {Level[]} levels @param {number} n the level of the rows @param {number} y0 first row @param {Uint8Array} rows
 * @param {number} finest the finest level to fill with copies; n for none
 */
export function setRows(levels, n, y0, rows, finest = n) {
  const y1 = y0 + rows.length / levels[n].width;
  levels[n].grey.set(rows, y0 * levels[n].width);
  let [from, to] = [y0, y1];
  for (let coarser = n + 1; coarser < levels.length; coarser += 1) {
    from = Math.floor(from / 2);
    to = Math.ceil(to / 2);
    halve(levels[coarser - 1], levels[coarser], from, to);
  }
  for (let finer = n - 1; finer >= finest; finer -= 1) repeat(levels[n], levels[finer], n - finer, y0, y1);
}

/** Average 2 x 2 pixels of the finer level, rounding half up; count a last odd row or column twice. */
function halve(fine, coarse, from, to) {
  const [source, target, { width }] = [fine.grey, coarse.grey, fine];
  const whole = width >> 1;
  for (let y = from; y < Math.min(to, coarse.height); y += 1) {
    const upper = 2 * y * width;
    const lower = Math.min(2 * y + 1, fine.height - 1) * width;
    const out = y * coarse.width;
    for (let x = 0; x < whole; x += 1) {
      const [a, b] = [upper + 2 * x, lower + 2 * x];
      target[out + x] = (source[a] + source[a + 1] + source[b] + source[b + 1] + 2) >> 2;
    }
    if (whole < coarse.width) target[out + whole] = (source[upper + width - 1] + source[lower + width - 1] + 1) >> 1;
  }
}

/** Copy rows y0 <= y < y1 of a coarse level into a finer one, each pixel 2**steps times in each direction. */
function repeat(coarse, fine, steps, y0, y1) {
  const { width, height, grey } = fine;
  for (let y = y0; y < y1; y += 1) {
    const first = y << steps;
    if (first >= height) return;
    const source = y * coarse.width;
    const out = first * width;
    for (let x = 0; x < width; x += 1) grey[out + x] = coarse.grey[source + (x >> steps)];
    const last = Math.min(height, first + (1 << steps));
    for (let copy = first + 1; copy < last; copy += 1) grey.copyWithin(copy * width, out, out + width);
  }
}
