// What the benchmark of the editor does inside the page: `bench`, put there by `page.evaluate`.
() => {
  const find = (root) => {
    for (const one of root.querySelectorAll("*")) {
      if (one.editor) return one.editor;
      const found = one.shadowRoot && find(one.shadowRoot);
      if (found) return found;
    }
    return undefined;
  };
  const editor = find(document);
  const TOOLS = ["brush", "eraser", "restore", "range", "fill", "lasso"];

  /** A generator of numbers from 0 to 1, the same ones for the same seed. */
  const randomness = (seed) => {
    let state = seed;
    return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  };

  /** Random gestures of a few points through the editor's own painter; large areas now and then. */
  const act = async ([count, seed]) => {
    const random = randomness(seed);
    const { width, height } = editor.slice.raster;
    for (let n = 0; n < count; n += 1) {
      editor.toolState.chooseTool(TOOLS[Math.floor(random() * (n % 25 ? 4 : TOOLS.length))]);
      if (editor.toolState.paintsClass) editor.toolState.chooseClass([0, 1, 2, 255][Math.floor(random() * 4)]);
      editor.toolState.resize(1 + random() * 90);
      let [x, y] = [random() * width, random() * height];
      editor.painter.begin(random() < 0.1 ? "erase" : "draw", { x, y }, editor.toolState, { shiftKey: false, altKey: false });
      for (let k = 0; k < 6; k += 1) {
        x += 120 * (random() - 0.5);
        y += 120 * (random() - 0.5);
        editor.painter.move({ x, y });
      }
      editor.painter.end();
      if (n % 20 === 0) await editor.slice.outbox.flush();
    }
    await editor.slice.outbox.flush();
  };

  /** Undo or redo as far as the history goes. @returns {Promise<number>} steps */
  const stepAll = async (which) => {
    let steps = 0;
    while (editor.slice.history[which === "undo" ? "canUndo" : "canRedo"]) {
      await editor.undoSteps.step(which);
      steps += 1;
      if (steps % 20 === 0) await editor.slice.outbox.flush();
    }
    await editor.slice.outbox.flush();
    return steps;
  };

  /** How many pixels of the browser's two rasters differ from the server's. */
  const differ = async () => {
    const { raster, api } = editor.slice;
    const bytes = await api.get("slice");
    const length = new DataView(bytes).getUint32(0, true);
    const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const stored = new raster.constructor(raster.width, raster.height);
    stored.load(new Uint32Array(bytes.slice(4 + length), 0, facts.mask_numbers));
    let count = 0;
    for (let at = 0; at < raster.mask.length; at += 1) {
      count += raster.mask[at] !== stored.mask[at] || raster.touched[at] !== stored.touched[at];
    }
    return count;
  };

  let ticking = 0;
  let times = [];
  /** Note the time from frame to frame until `stop`. */
  const watchFrames = () => {
    times = [];
    let last = null;
    const tick = (now) => {
      if (last !== null) times.push(now - last);
      last = now;
      ticking = requestAnimationFrame(tick);
    };
    ticking = requestAnimationFrame(tick);
  };
  const stopFrames = () => {
    cancelAnimationFrame(ticking);
    return times;
  };

  /** The image pixel under a point of the page. */
  const pixelUnder = ([clientX, clientY]) => {
    const { x, y } = editor.view.toImage({ clientX, clientY });
    return [Math.floor(x), Math.floor(y)];
  };
  /** The key of a class that a point of the page does not show. */
  const otherKey = (point) => {
    const [x, y] = pixelUnder(point);
    const { mask, width } = editor.slice.raster;
    return mask[y * width + x] === 1 ? "3" : "2";
  };
  /** The pixels painted since there were `before` steps, as x, y; null where not one run of one pixel. */
  const painted = (before) => {
    const { done } = editor.slice.history;
    if (done.length <= before) return null;
    const { forward } = done.at(-1);
    const { width } = editor.slice.raster;
    return forward.length === 3 && forward[1] === 1 ? [forward[0] % width, Math.floor(forward[0] / width)] : null;
  };

  window.bench = {
    act,
    stepAll,
    differ,
    watchFrames,
    stopFrames,
    pixelUnder,
    otherKey,
    painted,
    steps: () => editor.slice.history.done.length,
    zoom: (scale) => editor.view.zoom(() => scale),
  };
}
