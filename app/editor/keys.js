/** Which key does what; the tooltips read this table too, so a key is never shown that does not work. */

/** @typedef {{key: string, ctrl?: boolean, shift?: boolean, command: string, shown: string, help: string}} Binding */

/** @type {Binding[]} */
export const BINDINGS = [
  { key: "b", command: "brush", shown: "B", help: "Brush" },
  { key: "e", command: "eraser", shown: "E", help: "Eraser: paints the background (also right-drag)" },
  { key: "x", command: "box", shown: "X", help: "Draw a box around a region that is right" },
  { key: "u", command: "unsure", shown: "U", help: "Unsure: nobody can say what is here" },
  { key: "[", command: "smaller", shown: "[", help: "Smaller brush" },
  { key: "]", command: "larger", shown: "]", help: "Larger brush" },
  { key: "z", ctrl: true, command: "undo", shown: "Ctrl+Z", help: "Undo" },
  { key: "z", ctrl: true, shift: true, command: "redo", shown: "Ctrl+Shift+Z", help: "Redo" },
  { key: "y", ctrl: true, command: "redo", shown: "Ctrl+Y", help: "Redo" },
  { key: "0", command: "fit", shown: "0", help: "Fit the slice into the view" },
  { key: "+", command: "zoomIn", shown: "+", help: "Zoom in" },
  { key: "-", command: "zoomOut", shown: "-", help: "Zoom out" },
  { key: "h", command: "hide", shown: "H", help: "Hide the mask while the key is held" },
  { key: "m", command: "heat", shown: "M", help: "Heat map: where the model is unsure" },
  { key: "n", command: "nextBox", shown: "N", help: "Next place where the model is unsure" },
  { key: ",", command: "previousSlice", shown: ",", help: "Previous slice" },
  { key: ".", command: "nextSlice", shown: ".", help: "Next slice" },
  { key: "enter", command: "claimStrokes", shown: "Enter", help: "Save the strokes and go on: only what you painted counts" },
  { key: "enter", shift: true, command: "claimSlice", shown: "Shift+Enter", help: "Every pixel of this slice is right" },
  { key: "escape", command: "cancel", shown: "Esc", help: "Cancel" },
];

/** @param {string} command @returns {string} what a tooltip says */
export function tooltip(command) {
  const binding = BINDINGS.find((b) => b.command === command);
  return binding === undefined ? "" : `${binding.help} (${binding.shown})`;
}

/** The command of a key press: a name, `class:<place in the list>`, or null. @param {KeyboardEvent} event */
export function commandOf(event) {
  if (event.altKey) return null;
  const ctrl = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (!ctrl && /^[1-9]$/.test(key)) return `class:${Number(key) - 1}`;
  const shiftMatters = ctrl || key === "enter";
  const found = BINDINGS.find(
    (b) => b.key === key && (b.ctrl ?? false) === ctrl && (!shiftMatters || (b.shift ?? false) === event.shiftKey),
  );
  return found?.command ?? null;
}

/** Whether a text field has the keyboard, here or anywhere on the page. */
export function typing(root) {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  if (element === null || element === root) return false;
  if (element.isContentEditable || element.tagName === "TEXTAREA" || element.tagName === "SELECT") return true;
  return element.tagName === "INPUT" && !["range", "checkbox", "radio", "button"].includes(element.type);
}
