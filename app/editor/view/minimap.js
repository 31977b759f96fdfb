/**
 * An overview of the slice in a corner, shown while part of the slice is out of view. It fades near the cursor, so that the
 * pixels below can be seen and painted. With Space held, a click or drag moves the view.
 */

/** Length of the longer side in CSS pixels. */
const SIDE = 128;
/** Distance from the cursor at which it fades, in CSS pixels. */
const NEAR = 30;
const WHEEL_STEP = 1.0017;

export class Minimap {
  /** @param {HTMLElement} container parent of the view's canvases @param {import("./view.js").View} view */
  constructor(container, view) {
    this.view = view;
    this.canvas = document.createElement("canvas");
    this.small = document.createElement("canvas");
    this.canvas.className = "minimap";
    this.canvas.hidden = true;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Where the view lies in the slice; with Space held, a click moves it");
    container.addEventListener("pointermove", (event) => this.#fade(event));
    container.addEventListener("pointerleave", () => this.canvas.classList.remove("near"));
    container.insertBefore(this.canvas, view.overlay.nextSibling); // below everything that covers the image
    for (const name of ["pointerdown", "pointermove"]) this.canvas.addEventListener(name, (event) => this.#point(event));
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    this.canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    view.watchers.push(() => this.#draw());
  }

  #draw() {
    const { view, canvas } = this;
    const { camera, tiles } = view;
    const part = camera.visible();
    const all = part.x0 === 0 && part.y0 === 0 && part.x1 === camera.width && part.y1 === camera.height;
    canvas.hidden = all || tiles === null;
    if (canvas.hidden) return;
    const size = smallSize(camera.width, camera.height, SIDE * devicePixelRatio);
    if (canvas.width !== size.width || canvas.height !== size.height) {
      [canvas.width, canvas.height] = [size.width, size.height];
      canvas.style.width = `${size.width / devicePixelRatio}px`;
      canvas.style.height = `${size.height / devicePixelRatio}px`;
    }
    const context = canvas.getContext("2d");
    context.drawImage(this.#picture(tiles), 0, 0, size.width, size.height);
    drawFrame(context, part, size.width / camera.width, size.height / camera.height);
  }

  /** Draw the coarsest level without classes: at this size, single pixels of a mask would be noise. */
  #picture({ raster, bare }) {
    const { width, height, grey } = raster.levels[raster.levels.length - 1];
    const { small } = this;
    if (small.width !== width || small.height !== height) [small.width, small.height] = [width, height];
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < grey.length; i += 1) pixels[i] = bare[grey[i]];
    small.getContext("2d").putImageData(image, 0, 0);
    return small;
  }

  #fade({ clientX, clientY }) {
    if (this.canvas.hidden) return;
    const { left, top } = this.canvas.getBoundingClientRect();
    this.canvas.classList.toggle("near", clientX > left - NEAR && clientY > top - NEAR);
  }

  #point(event) {
    if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
    if (event.buttons === 0) return;
    event.preventDefault();
    const { camera } = this.view;
    const box = this.canvas.getBoundingClientRect();
    const place = (at, start, length, size) => (Math.max(0, Math.min(1, (at - start) / length)) * size);
    this.view.centre(
      place(event.clientX, box.left, box.width, camera.width),
      place(event.clientY, box.top, box.height, camera.height),
    );
  }

  #wheel(event) {
    event.preventDefault();
    this.view.zoom((scale) => scale * WHEEL_STEP ** -event.deltaY);
  }
}

/** Return the size of a slice scaled into a square. @returns {{width: number, height: number}} whole pixels, at least 1 */
export function smallSize(width, height, side) {
  const shrink = side / Math.max(width, height);
  return { width: Math.max(1, Math.round(width * shrink)), height: Math.max(1, Math.round(height * shrink)) };
}

/** Draw a frame around the visible part, with a minimum size. */
function drawFrame(context, { x0, y0, x1, y1 }, scaleX, scaleY) {
  const [width, height] = [Math.max(6, (x1 - x0) * scaleX), Math.max(6, (y1 - y0) * scaleY)];
  const [x, y] = [((x0 + x1) / 2) * scaleX - width / 2, ((y0 + y1) / 2) * scaleY - height / 2];
  for (const [style, line] of [["rgba(0, 0, 0, 0.8)", 4], ["#ffffff", 2]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.strokeRect(x, y, width, height);
  }
}
