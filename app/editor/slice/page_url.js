/**
 * The open slice in the URL of the page, so that a reload or a restart of the server returns to it.
 *
 * The page sets the same parameters later; equal ones add no entry to the browser's history.
 */

/** @typedef {{base: string, volume: number, z: number}} SliceSource `base` is the address of the slice's routes */

/** Return the URL with this slice in it, everything else unchanged. @param {string} href @param {SliceSource} source */
export function urlWithSlice(href, { base, volume, z }) {
  const url = new URL(href);
  const project = decodeURIComponent(base.split("/").at(-3));
  for (const [name, value] of Object.entries({ project, volume, slice: z })) url.searchParams.set(name, String(value));
  return url.href;
}

/** @param {SliceSource} source */
export function showSliceInUrl(source) {
  const href = urlWithSlice(window.location.href, source);
  if (href === window.location.href) return;
  try {
    window.history.replaceState(window.history.state, "", href); // adds no history entry: Back leaves the page
  } catch {
    // browsers limit the rate of changes; the next opened slice tries again
  }
}
