/** The picture: two canvases, the slice below, and cursor and boxes above it; drawn once a frame at most. */

import { Camera } from "./camera.js";
import { buildTable } from "./palette.js";
import { TILE, Tiles } from "./tiles.js";

/** @typedef {import("./raster.js").Raster} Raster */
/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {{x: number, y: number, size: number, color: string} | null} Ring */

const SURROUND = "#262b30";
const BUILD_MS = 12;

export class View {
  /** @param {HTMLCanvasElement} base @param {HTMLCanvasElement} overlay @param {() => void} onMove */
  constructor(base, overlay, onMove) {
    this.base = base;
    this.overlay = overlay;
    this.onMove = onMove;
    this.camera = new Camera();
    /** @type {Tiles | null} */
    this.tiles = null;
    /** @type {Ring} */
    this.ring = null;
    /** @type {{rect: Rect, kind: "hot" | "chosen" | "drawn", text?: string}[]} */
    this.boxes = [];
    /** @type {HTMLCanvasElement | null} */
    this.heat = null;
    this.frame = 0;
    this.stale = { base: true, overlay: true };
    this.settled = false;
    this.resizer = new ResizeObserver((entries) => this.#resize(entries[0]));
    this.resizer.observe(base);
  }

  /** @param {Raster} raster */
  setRaster(raster) {
    this.tiles = new Tiles(raster);
    const other = this.camera.setImage(raster.width, raster.height);
    if (other && this.settled) this.camera.fit();
    this.redraw();
    this.onMove();
  }

  /** @param {import("./palette.js").LabelClass[]} classes @param {import("./palette.js").Look} look */
  setLook(classes, look) {
    this.tiles?.setTable(buildTable(classes, look), look.outline && !look.hidden);
    this.redraw();
  }

  /** Part of the slice has other pixels now. @param {Rect} rect */
  changed(rect) {
    this.tiles?.invalidate(rect);
    this.redraw();
  }

  fit() {
    this.camera.fit();
    this.#moved();
  }

  /** @param {Rect} rect */
  show(rect) {
    this.camera.show(rect, 0.3);
    this.#moved();
  }

  /** Zoom around the middle of the view. @param {(scale: number) => number} change */
  zoom(change) {
    this.camera.zoomAt(this.base.width / 2, this.base.height / 2, change(this.camera.scale));
    this.#moved();
  }

  /** Zoom around a pointer. @param {{clientX: number, clientY: number}} at @param {number} factor */
  zoomAt(at, factor) {
    const [x, y] = this.#device(at);
    this.camera.zoomAt(x, y, this.camera.scale * factor);
    this.#moved();
  }

  /** @param {number} dx @param {number} dy in CSS pixels */
  panBy(dx, dy) {
    const ratio = this.#ratio();
    this.camera.panBy(dx * ratio, dy * ratio);
    this.#moved();
  }

  /** The image point under a pointer. @param {{clientX: number, clientY: number}} at */
  toImage(at) {
    return this.camera.toImage(...this.#device(at));
  }

  redraw() {
    this.stale.base = true;
    this.redrawOverlay();
  }

  redrawOverlay() {
    this.stale.overlay = true;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.#draw());
  }

  close() {
    this.resizer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  #moved() {
    this.redraw();
    this.onMove();
  }

  #ratio() {
    return this.base.width / this.base.getBoundingClientRect().width;
  }

  #device({ clientX, clientY }) {
    const box = this.base.getBoundingClientRect();
    return [((clientX - box.left) * this.base.width) / box.width, ((clientY - box.top) * this.base.height) / box.height];
  }

  #resize(entry) {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const width = exact?.inlineSize ?? Math.round(entry.contentRect.width * devicePixelRatio);
    const height = exact?.blockSize ?? Math.round(entry.contentRect.height * devicePixelRatio);
    if (width < 2 || height < 2) return;
    for (const canvas of [this.base, this.overlay]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.camera.setView(width, height);
    if (!this.settled) this.camera.fit();
    this.settled = true;
    this.redraw();
    this.onMove();
  }

  #draw() {
    this.frame = 0;
    if (this.stale.base) {
      this.stale.base = false;
      this.#drawBase();
    }
    this.stale.overlay = this.stale.base;
    this.#drawOverlay();
    if (this.stale.base) this.redraw();
  }

  #drawBase() {
    const context = this.base.getContext("2d", { alpha: false });
    context.fillStyle = SURROUND;
    context.fillRect(0, 0, this.base.width, this.base.height);
    if (this.tiles === null) return;
    const level = this.tiles.levelFor(this.camera.scale);
    const wanted = this.#visibleTiles(level);
    if (wanted.some(([tx, ty]) => this.tiles.cached(level, tx, ty) === undefined)) this.#drawCoarser(context, level);
    const start = performance.now();
    for (const [tx, ty] of wanted) {
      const late = performance.now() - start > BUILD_MS;
      const tile = late ? this.tiles.cached(level, tx, ty) : this.tiles.fresh(level, tx, ty);
      if (late && (tile === undefined || tile.dirty !== null)) this.stale.base = true;
      if (tile !== undefined) this.#drawTile(context, tile);
    }
    this.#drawHeat(context);
  }

  /** What there is of coarser tiles, under the ones that are still to be made. */
  #drawCoarser(context, level) {
    for (let n = this.tiles.raster.levels.length - 1; n > level; n -= 1) {
      for (const [tx, ty] of this.#visibleTiles(n)) {
        const tile = this.tiles.cached(n, tx, ty);
        if (tile !== undefined) this.#drawTile(context, tile);
      }
    }
  }

  /** @returns {[number, number][]} */
  #visibleTiles(level) {
    const { x0, y0, x1, y1 } = this.camera.visible();
    const side = TILE * 2 ** level;
    const found = [];
    for (let ty = Math.floor(y0 / side); ty * side < y1; ty += 1) {
      for (let tx = Math.floor(x0 / side); tx * side < x1; tx += 1) found.push([tx, ty]);
    }
    return found;
  }

  #drawTile(context, { canvas, level, tx, ty }) {
    const { scale, x, y } = this.camera;
    const zoom = scale * 2 ** level;
    context.imageSmoothingEnabled = zoom < 1;
    const side = TILE * zoom;
    context.drawImage(canvas, x + tx * side, y + ty * side, canvas.width * zoom, canvas.height * zoom);
  }

  #drawHeat(context) {
    if (this.heat === null) return;
    const { scale, x, y, width, height } = this.camera;
    context.imageSmoothingEnabled = true;
    context.drawImage(this.heat, x, y, width * scale, height * scale);
  }

  #drawOverlay() {
    const context = this.overlay.getContext("2d");
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    for (const box of this.boxes) this.#drawBox(context, box);
    if (this.ring !== null) this.#drawRing(context, this.ring);
  }

  #drawBox(context, { rect, kind, text }) {
    const { scale, x, y } = this.camera;
    const ratio = this.#ratio();
    const color = { hot: "#ffb454", chosen: "#ff8a00", drawn: "#31d0c6" }[kind];
    const place = [x + rect.x0 * scale, y + rect.y0 * scale, (rect.x1 - rect.x0) * scale, (rect.y1 - rect.y0) * scale];
    for (const [style, line] of [["rgba(0, 0, 0, 0.65)", 3.5], [color, kind === "hot" ? 1.25 : 2]]) {
      context.strokeStyle = style;
      context.lineWidth = line * ratio;
      context.strokeRect(...place);
    }
    if (text === undefined) return;
    context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    const width = context.measureText(text).width + 10 * ratio;
    context.fillStyle = color;
    context.fillRect(place[0] - ratio, place[1] - 19 * ratio, width, 18 * ratio);
    context.fillStyle = "#14181b";
    context.fillText(text, place[0] + 4 * ratio, place[1] - 5.5 * ratio);
  }

  #drawRing(context, ring) {
    const { scale, x, y } = this.camera;
    const ratio = this.#ratio();
    const [cx, cy, radius] = [x + ring.x * scale, y + ring.y * scale, (ring.size * scale) / 2];
    const circle = (style, width, r) => {
      context.strokeStyle = style;
      context.lineWidth = width * ratio;
      context.beginPath();
      context.arc(cx, cy, r, 0, 2 * Math.PI);
      context.stroke();
    };
    circle("rgba(0, 0, 0, 0.75)", 3, Math.max(radius, 1.5 * ratio));
    circle(ring.color, 1.5, Math.max(radius, 1.5 * ratio));
    if (radius > 5 * ratio) return;
    context.strokeStyle = "rgba(255, 255, 255, 0.9)";
    context.lineWidth = ratio;
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(cx + 6 * ratio * dx, cy + 6 * ratio * dy);
      context.lineTo(cx + 11 * ratio * dx, cy + 11 * ratio * dy);
    }
    context.stroke();
  }
}
