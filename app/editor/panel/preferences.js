/** The user's preferences, stored by the browser where it can. */

const KEY = "underpaint.editor";

/**
 * @typedef {object} Preferences
 * @property {"correct" | "scribble"} mode
 * @property {number} size of the brush in image pixels
 * @property {number} opacity of the mask, 0 to 1
 * @property {boolean} outline draw borders instead of areas
 * @property {boolean} askSlice ask before a whole slice is saved as right
 * @property {boolean} preview show the predictions of the quick first model
 */

/** @type {Preferences} */
const DEFAULTS = { mode: "correct", size: 15, opacity: 0.5, outline: false, askSlice: true, preview: true };

/**
 * Load the stored preferences; replace invalid ones by defaults.
 * @param {Pick<Storage, "getItem">} [storage] @returns {Preferences}
 */
export function loadPreferences(storage = browserStorage()) {
  let kept = {};
  try {
    kept = JSON.parse(storage?.getItem(KEY) ?? "{}") ?? {};
  } catch {
    // nothing stored, or nothing readable
  }
  const sound = Object.keys(DEFAULTS).filter((name) => typeof kept[name] === typeof DEFAULTS[name]);
  const preferences = { ...DEFAULTS, ...Object.fromEntries(sound.map((name) => [name, kept[name]])) };
  if (preferences.mode !== "scribble") preferences.mode = "correct";
  preferences.opacity = Math.min(1, Math.max(0, preferences.opacity));
  return preferences;
}

/** @param {Preferences} preferences @param {Pick<Storage, "setItem">} [storage] */
export function savePreferences(preferences, storage = browserStorage()) {
  try {
    storage?.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // the browser stores nothing
  }
}

function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}
