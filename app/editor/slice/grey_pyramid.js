/** The levels of a slice in memory: rows that arrive for one of them are put into the coarser and the finer ones too. */

/** @typedef {{width: number, height: number, grey: Uint8Array}} Level */

/**
 * Put whole rows of a level in place, their means of 2 x 2 into the coarser ones, and, as long as nothing better is
 * known, the same values into finer ones.
 * @param {Level[]} levels @param {number} n the level of the rows @param {number} y0 first row @param {Uint8Array} rows
 * @param {number} finest put them into finer levels down to this one; n for none
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

/** Rows of a level as means of 2 x 2 pixels of the finer one, rounded half up; a last odd row or column counts twice. */
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

/** Rows y0 <= y < y1 of a coarse level, each pixel 2**steps times in a finer one. */
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
