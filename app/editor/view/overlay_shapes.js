/** Shapes drawn over the slice, in screen pixels: boxes, the lasso path, superpixels, the brush outline. */

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("../slice/raster.js").Rect} Rect */
/** @typedef {{x: number, y: number}} Point In image pixels. */
/** @typedef {{rect: Rect, kind: "proposed" | "chosen" | "drawn", text?: string}} Box */
/** @typedef {{x: number, y: number, size: number, color: string}} Ring */

const COLORS = { proposed: "#ffb454", chosen: "#ff8a00", drawn: "#31d0c6" };
const SHADOW = "rgba(0, 0, 0, 0.65)";

/**
 * @param {CanvasRenderingContext2D} context @param {Camera} camera
 * @param {number} ratio device px per CSS px @param {Box} box
 */
export function drawBox(context, camera, ratio, { rect, kind, text }) {
  const { x0, y0, x1, y1 } = camera.toScreen(rect);
  for (const [style, line] of [[SHADOW, 3.5], [COLORS[kind], kind === "proposed" ? 1.25 : 2]]) {
    context.strokeStyle = style;
    context.lineWidth = line * ratio;
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }
  if (text === undefined) return;
  context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 10 * ratio;
  context.fillStyle = COLORS[kind];
  context.fillRect(x0 - ratio, y0 - 19 * ratio, width, 18 * ratio);
  context.fillStyle = "#14181b";
  context.fillText(text, x0 + 4 * ratio, y0 - 5.5 * ratio);
}

/** Draw an unfinished line: white dashes on black, and a dot at its start. @param {Point[]} path in image pixels */
export function drawPath(context, camera, ratio, path) {
  if (path.length === 0) return;
  const { scale, x, y } = camera;
  const line = () => {
    context.beginPath();
    for (const point of path) context.lineTo(x + point.x * scale, y + point.y * scale);
    context.stroke();
  };
  context.lineJoin = "round";
  context.strokeStyle = SHADOW;
  context.lineWidth = 3 * ratio;
  line();
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.5 * ratio;
  context.setLineDash([5 * ratio, 4 * ratio]);
  line();
  context.setLineDash([]);
  circle(context, x + path[0].x * scale, y + path[0].y * scale, 3.5 * ratio, SHADOW, 3 * ratio);
  circle(context, x + path[0].x * scale, y + path[0].y * scale, 3.5 * ratio, "#ffffff", 1.5 * ratio);
}

/**
 * Highlight pixels, light and dark, to stand out on any grey.
 * @param {CanvasRenderingContext2D} context @param {Camera} camera @param {import("../slice/superpixels.js").Row[]} rows
 */
export function drawPatch(context, camera, rows) {
  for (const [style, grown] of [["rgba(0, 0, 0, 0.35)", 1], ["rgba(255, 255, 255, 0.35)", 0]]) {
    context.fillStyle = style;
    context.beginPath(); // one shape, so that touching rows are no darker where they meet
    for (const { y, x0, x1 } of rows) {
      const screen = camera.toScreen({ x0, y0: y, x1, y1: y + 1 });
      const [left, top] = [Math.floor(screen.x0) - grown, Math.floor(screen.y0) - grown];
      context.rect(left, top, Math.ceil(screen.x1) - left + grown, Math.ceil(screen.y1) - top + grown);
    }
    context.fill();
  }
}

/** Draw the brush outline, with cross hairs where it is too small to find. @param {Ring} ring */
export function drawRing(context, camera, ratio, ring) {
  const [x, y, radius] = [camera.x + ring.x * camera.scale, camera.y + ring.y * camera.scale, (ring.size * camera.scale) / 2];
  const seen = Math.max(radius, 1.5 * ratio);
  circle(context, x, y, seen, "rgba(0, 0, 0, 0.75)", 3 * ratio);
  circle(context, x, y, seen, ring.color, 1.5 * ratio);
  if (radius > 5 * ratio) return;
  context.strokeStyle = "rgba(255, 255, 255, 0.9)";
  context.lineWidth = ratio;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 6 * ratio * dx, y + 6 * ratio * dy);
    context.lineTo(x + 11 * ratio * dx, y + 11 * ratio * dy);
  }
  context.stroke();
}

function circle(context, x, y, radius, style, line) {
  context.strokeStyle = style;
  context.lineWidth = line;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}
