/** The image: two canvases, one for the slice, one above it for cursor and boxes, drawn at most once per frame. */

import { Camera } from "./camera.js";
import { CanvasGeometry } from "./canvas_geometry.js";
import { FrameRate } from "./frame_rate.js";
import { drawBox, drawPatch, drawPath, drawRing } from "./overlay_shapes.js";
import { bareTable, buildShown, buildTable } from "./palette.js";
import { levelFor, TILE, Tiles, union } from "./tiles.js";

/** @typedef {import("../slice/raster.js").Raster} Raster */
/** @typedef {import("../slice/raster.js").Rect} Rect */

const SURROUND = "#262b30";
/** Time to redraw tiles within one frame; the rest waits for the next frame. */
const BUILD_MS = 6;

export class View {
  /** @param {HTMLCanvasElement} base @param {HTMLCanvasElement} overlay @param {() => void} onMove */
  constructor(base, overlay, onMove) {
    this.base = base;
    this.overlay = overlay;
    this.onMove = onMove;
    this.camera = new Camera();
    /** @type {Tiles | null} */
    this.tiles = null;
    /** @type {import("./overlay_shapes.js").Ring | null} */
    this.ring = null;
    /** @type {import("./overlay_shapes.js").Box[]} */
    this.boxes = [];
    /** An unfinished line. @type {import("./overlay_shapes.js").Point[] | null} */
    this.path = null;
    /** Highlighted pixels. @type {import("../slice/superpixels.js").Row[] | null} */
    this.patch = null;
    /** @type {HTMLCanvasElement | null} */
    this.heat = null;
    /** Called after each redraw of the slice. @type {(() => void)[]} */
    this.watchers = [];
    this.look = "";
    this.frame = 0;
    /** The part of the slice to redraw, in image pixels, or everything. @type {Rect | "all" | null} */
    this.stale = null;
    this.moving = false;
    this.frameRate = new FrameRate(() => this.redraw());
    /** The tile to redraw first: where the last frame ran out of time. */
    this.firstTile = 0;
    this.settled = false;
    this.geometry = new CanvasGeometry(base, (width, height) => this.#resize(width, height));
  }

  /** @param {Raster} raster */
  setRaster(raster) {
    if (this.tiles === null) this.tiles = new Tiles(raster);
    else this.tiles.use(raster);
    const other = this.camera.setImage(raster.width, raster.height);
    if (other && this.settled) this.camera.fit();
    this.redraw();
    this.onMove();
  }

  /** @param {import("./palette.js").LabelClass[]} classes @param {import("./palette.js").Look} look */
  setLook(classes, look) {
    const wanted = JSON.stringify([classes, look]);
    if (this.tiles === null || wanted === this.look) return;
    this.look = wanted;
    const shown = look.outline && !look.hidden ? buildShown(look) : null;
    this.tiles.setTable(buildTable(classes, look), bareTable(look), shown);
    this.redraw();
  }

  /** Redraw a part with changed classes. @param {Rect} rect */
  changed(rect) {
    this.tiles?.changed(rect);
    this.#redrawPart(rect);
  }

  /**
   * Redraw a part with changed grey values; do nothing while the mask of this slice is still loading.
   * @param {Raster} raster @param {Rect} rect
   */
  greyChanged(raster, rect) {
    if (this.tiles?.raster !== raster) return;
    this.tiles.invalidate(rect);
    this.#redrawPart(rect);
  }

  #redrawPart(rect) {
    if (this.stale !== "all") this.stale = this.stale === null ? rect : union(this.stale, rect);
    this.redrawOverlay();
  }

  /** @param {import("./overlay_shapes.js").Box[]} boxes */
  setBoxes(boxes) {
    this.boxes = boxes;
    this.redrawOverlay();
  }

  /** Show an unfinished line; null for none. @param {import("./overlay_shapes.js").Point[] | null} points */
  setPath(points) {
    this.path = points;
    this.redrawOverlay();
  }

  /** Highlight the pixels that a click would paint; null for none. @param {import("../slice/superpixels.js").Row[] | null} rows */
  setPatch(rows) {
    if (rows === null && this.patch === null) return;
    this.patch = rows;
    this.redrawOverlay();
  }

  /** @param {import("./overlay_shapes.js").Ring | null} ring */
  setRing(ring) {
    this.ring = ring;
    this.redrawOverlay();
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

  /** Centre the view on an image point. */
  centre(x, y) {
    this.camera.centre(x, y);
    this.#moved();
  }

  /** Zoom around the centre of the view. @param {(scale: number) => number} change */
  zoom(change) {
    this.camera.zoomAt(this.base.width / 2, this.base.height / 2, change(this.camera.scale));
    this.#moved();
  }

  /** Zoom around a pointer. @param {{clientX: number, clientY: number}} at @param {number} factor */
  zoomAt(at, factor) {
    this.camera.zoomBy(...this.geometry.toDevice(at), factor);
    this.#moved();
  }

  /** @param {number} dx @param {number} dy in CSS pixels */
  panBy(dx, dy) {
    this.camera.panBy(dx * this.geometry.ratio, dy * this.geometry.ratio);
    this.#moved();
  }

  /** Return the image point under a pointer. @param {{clientX: number, clientY: number}} at */
  toImage(at) {
    return this.camera.toImage(...this.geometry.toDevice(at));
  }

  redraw() {
    this.stale = "all";
    this.redrawOverlay();
  }

  redrawOverlay() {
    if (this.frame === 0) this.frame = requestAnimationFrame((time) => this.#draw(time));
  }

  close() {
    this.frameRate.close();
    this.geometry.close();
    cancelAnimationFrame(this.frame);
  }

  #moved() {
    this.moving = true;
    this.redraw();
    this.onMove();
  }

  /** @param {number} width @param {number} height in device pixels */
  #resize(width, height) {
    for (const canvas of [this.base, this.overlay]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.camera.setView(width, height);
    if (!this.settled) this.camera.fit();
    this.settled = true;
    this.#moved();
  }

  #draw(time) {
    this.frame = 0;
    if (this.moving) this.frameRate.frame(time);
    this.moving = false;
    const { stale } = this;
    this.stale = null;
    if (stale !== null) this.#drawBase(stale);
    this.#drawOverlay();
    if (stale !== null) for (const watcher of this.watchers) watcher();
    if (this.stale !== null) this.redrawOverlay();
  }

  /** @param {Rect | "all"} stale */
  #drawBase(stale) {
    const context = this.base.getContext("2d", { alpha: false });
    context.save();
    if (stale !== "all") this.#clip(context, stale);
    context.fillStyle = SURROUND;
    context.fillRect(0, 0, this.base.width, this.base.height);
    if (this.tiles !== null) this.#drawTiles(context);
    this.#drawHeat(context);
    context.restore();
  }

  /** Restrict drawing to part of the slice, and to the pixels that smoothing lets it touch. @param {Rect} rect */
  #clip(context, rect) {
    const { x0, y0, x1, y1 } = this.camera.toScreen(rect);
    const margin = 2 + 2 * Math.ceil(this.camera.scale);
    context.beginPath();
    const [left, top] = [Math.floor(x0) - margin, Math.floor(y0) - margin];
    context.rect(left, top, Math.ceil(x1) + margin - left, Math.ceil(y1) + margin - top);
    context.clip();
  }

  #drawTiles(context) {
    const { tiles } = this;
    const level = levelFor(this.camera.scale, tiles.raster.levels.length);
    const wanted = this.#visibleTiles(level);
    if (wanted.some(([tx, ty]) => tiles.cached(level, tx, ty) === undefined)) this.#drawOtherLevels(context, level);
    const start = performance.now();
    const first = this.firstTile;
    for (let i = 0; i < wanted.length; i += 1) {
      const place = (first + i) % wanted.length;
      const [tx, ty] = wanted[place];
      const late = performance.now() - start > BUILD_MS;
      const tile = late ? tiles.cached(level, tx, ty) : tiles.fresh(level, tx, ty);
      if (late && tile?.dirty !== null && this.stale === null) [this.stale, this.firstTile] = ["all", place];
      if (tile !== undefined) this.#drawTile(context, tile);
    }
    tiles.trim(wanted.length);
  }

  /** Draw tiles of other levels below the tiles still missing. */
  #drawOtherLevels(context, level) {
    const { levels } = this.tiles.raster;
    const finer = Math.max(0, level - 1);
    for (const n of [...levels.keys()].slice(finer).reverse()) {
      for (const [tx, ty] of n === level ? [] : this.#visibleTiles(n)) {
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

  /** @param {CanvasRenderingContext2D} context @param {import("./tiles.js").Tile} tile */
  #drawTile(context, { canvas, level, tx, ty, width, height }) {
    const { scale, x, y } = this.camera;
    const zoom = scale * 2 ** level;
    context.imageSmoothingEnabled = zoom < 1 && !this.frameRate.slow;
    const side = TILE * zoom;
    context.drawImage(canvas, 0, 0, width, height, x + tx * side, y + ty * side, width * zoom, height * zoom);
  }

  #drawHeat(context) {
    if (this.heat === null) return;
    const { scale, x, y, width, height } = this.camera;
    context.imageSmoothingEnabled = true;
    context.drawImage(this.heat, x, y, width * scale, height * scale);
  }

  #drawOverlay() {
    const context = this.overlay.getContext("2d");
    const { camera } = this;
    const { ratio } = this.geometry;
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    for (const box of this.boxes) drawBox(context, camera, ratio, box);
    if (this.patch !== null) drawPatch(context, camera, this.patch);
    if (this.path !== null) drawPath(context, camera, ratio, this.path);
    if (this.ring !== null) drawRing(context, camera, ratio, this.ring);
  }
}
