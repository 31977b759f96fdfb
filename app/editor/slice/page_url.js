/**
 * The open slice in the page's address, so that a page loaded anew, or a server started anew, comes back to it.
 *
 * Written here before the page does, which is behind the editor: what is the same already makes no entry in the history.
 */

/** @typedef {{base: string, volume: number, z: number}} SliceSource `base` is the address of the slice's routes */

/** The address with this slice in it, all else as it is. @param {string} href @param {SliceSource} source */
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
    window.history.replaceState(window.history.state, "", href); // no entry of its own: Back leaves the page, as ever
  } catch {
    // browsers limit how often it may change; the next slice that is opened tries again
  }
}
