/** The line below the picture: where the cursor is, and what is there. */

const ORIGINS = { empty: "no prediction", label: "your label", draft: "your draft" };
const NOT_PAINTED = { empty: "not labelled", prediction: "predicted" };

/**
 * @param {import("./slice.js").Slice} slice @param {number} z
 * @param {{x: number, y: number} | null} place under the cursor, in image pixels @param {number} scale screen px per image px
 */
export function statusText({ raster, facts }, z, place, scale) {
  const origin = ORIGINS[facts.origin] ?? `prediction of round ${facts.round}`;
  const parts = [`z ${z}/${facts.depth - 1}`, here(raster, facts, place), `${Math.round(scale * 1000) / 10} %`, origin];
  return parts.join("   ");
}

function here(raster, facts, place) {
  const [x, y] = place === null ? [-1, -1] : [Math.floor(place.x), Math.floor(place.y)];
  if (!raster.inside(x, y)) return `${raster.width} × ${raster.height} px`;
  const at = y * raster.width + x;
  const name = facts.classes.find((c) => c.id === raster.mask[at])?.name ?? "unsure";
  const said = raster.touched[at] ? "painted" : NOT_PAINTED[facts.origin];
  const what = said === "not labelled" ? said : said === undefined ? name : `${name} (${said})`;
  return `x ${x}   y ${y}   grey ${raster.levels[0].grey[at]}   ${what}`;
}
