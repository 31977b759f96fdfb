/** The pictures on buttons, as SVG paths in a square of 20. */

const PATHS = {
  brush: "M14.5 3.5l2 2-8 8-2.6.6.6-2.6zM5 14.5c-1.6 0-2.2 1-2.3 2.8 1.9.2 3.3-.2 3.6-1.7",
  eraser: "M7 16.5h9.5M4.2 11.3l6.6-6.8a1.4 1.4 0 0 1 2 0l3 3a1.4 1.4 0 0 1 0 2l-6.9 7H7.4l-3.2-3.2a1.4 1.4 0 0 1 0-2zM7.6 7.8l5 5",
  restore: "M4 10a6 6 0 1 0 2-4.5M6.5 2.5v3.5H3M10 7v3.2l2.4 1.5",
  flood: "M8.5 3l6.5 6.5-5.4 5.4a1.5 1.5 0 0 1-2.1 0L3.3 10.7a1.5 1.5 0 0 1 0-2.1L8.5 3zM3 9.5h11.8M17 12.5c.9 1.3 1.3 2 1.3 2.6a1.3 1.3 0 0 1-2.6 0c0-.6.4-1.3 1.3-2.6z",
  lasso: "M10 4c4 0 7 1.9 7 4.4s-3 4.3-7 4.3-7-1.8-7-4.3S6 4 10 4zM6 12.3c-1.4.6-1.6 2.4 0 2.9 1.4.4 2.2 1 1.6 2.3",
  range: "M3 15.5h14M4.5 15.5v-4M7.3 15.5V8M10 15.5V4M12.8 15.5V7.5M15.5 15.5v-3",
  superpixel: "M3.5 3.5h13v13h-13zM3.5 9l5-1.5 2-4M8.5 7.5l2.5 4 5.5-1M11 11.5l-2 5M3.5 13l4-.8",
  pick: "M11.5 5.5l3 3M9.8 7.2L4.5 12.5l-.9 3.9 3.9-.9 5.3-5.3M12.5 4.5l1.2-1.2a1.9 1.9 0 0 1 2.9 2.7l-1.3 1.4z",
  box: "M3.5 6V3.5H6M14 3.5h2.5V6M16.5 14v2.5H14M6 16.5H3.5V14M9 3.5h2M9 16.5h2M3.5 9v2M16.5 9v2",
  undo: "M7.5 4L4 7.5 7.5 11M4 7.5h7.5a4.5 4.5 0 0 1 0 9H8",
  redo: "M12.5 4L16 7.5 12.5 11M16 7.5H8.5a4.5 4.5 0 0 0 0 9H12",
  fit: "M3.5 7V3.5H7M13 3.5h3.5V7M16.5 13v3.5H13M7 16.5H3.5V13M7.5 7.5h5v5h-5z",
  heat: "M10 17a4.6 4.6 0 0 0 4.6-4.6c0-3.3-3-4.4-2.6-8.4-2.7 1-3.8 3.2-3.7 5.2C7.4 8.9 7 8 7 7.2c-1 1.3-1.6 3-1.6 5.2A4.6 4.6 0 0 0 10 17z",
  next: "M5.5 4.5l6 5.5-6 5.5M14.5 4.5v11",
};

/** @param {keyof typeof PATHS} name @returns {string} HTML */
export const icon = (name) =>
  `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${PATHS[name]}" fill="none" stroke="currentColor"
    stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
