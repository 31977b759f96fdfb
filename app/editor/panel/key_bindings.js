/** The key bindings. Tooltips and the key sheet read this table too, so they never show a key that does not work. */

/** @typedef {{key: string, ctrl?: boolean, shift?: boolean, command: string, shown: string, group: string, help: string}} Binding */

const row = (group, shown, command, help, more = {}) => ({ group, shown, command, help, key: shown.toLowerCase(), ...more });

/** @type {Binding[]} */
export const BINDINGS = [
  row("Tools", "B", "brush", "Brush; with Shift a straight line from the last stroke's end"),
  row("Tools", "E", "eraser", "Eraser: background when correcting, unlabelled when scribbling (also right-drag)"),
  row("Tools", "R", "restore", "Restore: bring back the prediction, as if never painted"),
  row("Tools", "F", "flood", "Fill an area of one class"),
  row("Tools", "L", "lasso", "Lasso: drag around an area, or click corner by corner"),
  row("Tools", "G", "range", "Grey-range brush: only pixels as bright as the one under the cursor"),
  row("Tools", "P", "superpixel", "Superpixels: small patches that follow the edges"),
  row("Tools", "I", "pick", "Eyedropper: take the class under the cursor"),
  row("Tools", "K", "lock", "Lock: paint only over the class under the cursor"),
  row("Tools", "X", "box", "Box: mark a region as right"),
  row("Tools", "[", "smaller", "Smaller brush"),
  row("Tools", "]", "larger", "Larger brush"),
  row("Tools", "S", "mode", "Switch between correcting and scribbling"),
  row("Classes", "U", "unsure", "Unsure: the class cannot be told here"),
  row("Classes", "↑", "previousClass", "Class above in the list", { key: "arrowup" }),
  row("Classes", "↓", "nextClass", "Class below in the list", { key: "arrowdown" }),
  row("Undo and save", "Ctrl+Z", "undo", "Undo, also across a save", { key: "z", ctrl: true }),
  row("Undo and save", "Ctrl+Shift+Z", "redo", "Redo", { key: "z", ctrl: true, shift: true }),
  row("Undo and save", "Ctrl+Y", "redo", "Redo", { key: "y", ctrl: true }),
  row("Undo and save", "Enter", "claim", "Save and go on: the strokes, or the box where one is chosen"),
  row("Undo and save", "Shift+Enter", "claimSlice", "Save the whole slice as right", { key: "enter", shift: true }),
  row("Undo and save", "Esc", "cancel", "Cancel", { key: "escape" }),
  row("Slices", ",", "previousSlice", "Previous slice"),
  row("Slices", ".", "nextSlice", "Next slice"),
  row("Slices", "N", "nextBox", "Next box where the model is unsure"),
  row("Slices", "J", "skipBox", "Not now: put off this box until the end"),
  row("Slices", "Shift+J", "skipSlice", "Not now: put off this proposed slice", { key: "j", shift: true }),
  row("View", "0", "fit", "Fit the slice into the view"),
  row("View", "+", "zoomIn", "Zoom in (also the wheel)"),
  row("View", "-", "zoomOut", "Zoom out"),
  row("View", "H", "hide", "Hide the mask while the key is held"),
  row("View", "M", "heat", "Heat map: where the model is unsure"),
  row("View", "V", "preview", "Preview: predictions of a quick first model"),
  row("View", "?", "sheet", "This list of keys"),
];

/** Return the tooltip of a command. @param {string} command @returns {string} */
export function tooltip(command) {
  const binding = BINDINGS.find((b) => b.command === command);
  return binding === undefined ? "" : `${binding.help} (${binding.shown})`;
}

/** Keys with another meaning under Shift. */
const WITH_SHIFT = BINDINGS.filter((b) => b.shift && !b.ctrl).map((b) => b.key);

/** Number of classes chosen by digits, and again with Shift. */
const DIGITS = 9;

/** Return the key of a class, null beyond the eighteenth, which the arrow keys reach. @param {number} place in the list */
export function classKey(place) {
  if (place < DIGITS) return { shown: String(place + 1), help: String(place + 1) };
  if (place < 2 * DIGITS) return { shown: `⇧${place - DIGITS + 1}`, help: `Shift+${place - DIGITS + 1}` };
  return null;
}

/** Return the command of a key press: a name, `class:<place in the list>`, or null. @param {KeyboardEvent} event */
export function commandOf(event) {
  const graph = event.getModifierState?.("AltGraph") ?? false; // types [ and ] on many keyboards
  if (event.altKey && !graph) return null;
  const ctrl = (event.ctrlKey && !graph) || event.metaKey;
  const digit = graph || ctrl ? null : digitOf(event);
  if (digit !== null && digit > 0) return `class:${digit - 1 + (event.shiftKey ? DIGITS : 0)}`;
  const key = digit === 0 && !event.shiftKey ? "0" : event.key.toLowerCase();
  const shiftMatters = ctrl || WITH_SHIFT.includes(key);
  const found = BINDINGS.find(
    (b) => b.key === key && (b.ctrl ?? false) === ctrl && (!shiftMatters || (b.shift ?? false) === event.shiftKey),
  );
  return found?.command ?? null;
}

/** Return a digit by the position of its key: what that key types differs from keyboard to keyboard. */
function digitOf({ code, key }) {
  const found = /^Digit([0-9])$/.exec(code ?? "") ?? /^([0-9])$/.exec(key);
  return found === null ? null : Number(found[1]);
}

/** Whether a text field anywhere on the page has the focus. */
export function typing(root) {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  if (element === null || element === root) return false;
  if (element.isContentEditable || element.tagName === "TEXTAREA" || element.tagName === "SELECT") return true;
  return element.tagName === "INPUT" && !["range", "checkbox", "radio", "button"].includes(element.type);
}
