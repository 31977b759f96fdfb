/** Which key does what; tooltips and the sheet of keys read this table too, so a key is never shown that does not work. */

/** @typedef {{key: string, ctrl?: boolean, shift?: boolean, command: string, shown: string, group: string, help: string}} Binding */

const row = (group, shown, command, help, more = {}) => ({ group, shown, command, help, key: shown.toLowerCase(), ...more });

/** @type {Binding[]} */
export const BINDINGS = [
  row("Tools", "B", "brush", "Brush; with Shift a straight line from the last stroke's end"),
  row("Tools", "E", "eraser", "Eraser: background when correcting, unlabelled when scribbling (also right-drag)"),
  row("Tools", "R", "restore", "Restore: brings the prediction back, as if never painted"),
  row("Tools", "F", "flood", "Fill an area of one class"),
  row("Tools", "L", "lasso", "Lasso: drag around an area, or click corner by corner"),
  row("Tools", "G", "range", "Grey-range brush: only pixels as bright as the one under the cursor"),
  row("Tools", "P", "superpixel", "Superpixels: small patches that follow the edges"),
  row("Tools", "I", "pick", "Eyedropper: take the class under the cursor"),
  row("Tools", "K", "lock", "Lock: paint only over the class under the cursor"),
  row("Tools", "X", "box", "Draw a box around a region that is right"),
  row("Tools", "[", "smaller", "Smaller brush"),
  row("Tools", "]", "larger", "Larger brush"),
  row("Tools", "S", "mode", "Switch between correcting and scribbling"),
  row("Classes", "U", "unsure", "Unsure: nobody can say what is here"),
  row("Classes", "↑", "previousClass", "Class above in the list", { key: "arrowup" }),
  row("Classes", "↓", "nextClass", "Class below in the list", { key: "arrowdown" }),
  row("Steps", "Ctrl+Z", "undo", "Undo, also across a save", { key: "z", ctrl: true }),
  row("Steps", "Ctrl+Shift+Z", "redo", "Redo", { key: "z", ctrl: true, shift: true }),
  row("Steps", "Ctrl+Y", "redo", "Redo", { key: "y", ctrl: true }),
  row("Steps", "Enter", "claim", "Save and go on: the strokes, or the box where one is chosen"),
  row("Steps", "Shift+Enter", "claimSlice", "Save the whole slice as right", { key: "enter", shift: true }),
  row("Steps", "Esc", "cancel", "Cancel", { key: "escape" }),
  row("Slices", ",", "previousSlice", "Previous slice"),
  row("Slices", ".", "nextSlice", "Next slice"),
  row("Slices", "N", "nextBox", "Next place where the model is unsure"),
  row("Slices", "J", "skipBox", "Not now: put off this place, you are asked again at the end"),
  row("Slices", "Shift+J", "skipSlice", "Not now: put off this proposed slice", { key: "j", shift: true }),
  row("View", "0", "fit", "Fit the slice into the view"),
  row("View", "+", "zoomIn", "Zoom in (also the wheel)"),
  row("View", "-", "zoomOut", "Zoom out"),
  row("View", "H", "hide", "Hide the mask while the key is held"),
  row("View", "M", "heat", "Heat map: where the model is unsure"),
  row("View", "V", "preview", "Preview: what a quick first model makes of your strokes"),
  row("View", "?", "sheet", "This sheet"),
];

/** @param {string} command @returns {string} what a tooltip says */
export function tooltip(command) {
  const binding = BINDINGS.find((b) => b.command === command);
  return binding === undefined ? "" : `${binding.help} (${binding.shown})`;
}

/** Keys that mean something else with Shift. */
const WITH_SHIFT = BINDINGS.filter((b) => b.shift && !b.ctrl).map((b) => b.key);

/** Classes that a digit chooses, and as many with Shift. */
const DIGITS = 9;

/** The key that chooses a class; null past the eighteenth, which the arrows reach. @param {number} place in the list */
export function classKey(place) {
  if (place < DIGITS) return { shown: String(place + 1), help: String(place + 1) };
  if (place < 2 * DIGITS) return { shown: `⇧${place - DIGITS + 1}`, help: `Shift+${place - DIGITS + 1}` };
  return null;
}

/** The command of a key press: a name, `class:<place in the list>`, or null. @param {KeyboardEvent} event */
export function commandOf(event) {
  const graph = event.getModifierState?.("AltGraph") ?? false; // how many keyboards type [ and ]
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

/** Digits by where their keys lie: what these type, alone and with Shift, differs from keyboard to keyboard. */
function digitOf({ code, key }) {
  const found = /^Digit([0-9])$/.exec(code ?? "") ?? /^([0-9])$/.exec(key);
  return found === null ? null : Number(found[1]);
}

/** Whether a text field has the keyboard, here or anywhere on the page. */
export function typing(root) {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  if (element === null || element === root) return false;
  if (element.isContentEditable || element.tagName === "TEXTAREA" || element.tagName === "SELECT") return true;
  return element.tagName === "INPUT" && !["range", "checkbox", "radio", "button"].includes(element.type);
}
