/** What is kept for the last few keys only. */

/**
 * Put a value under a key, as the newest; beyond `most`, the one that was put there the longest ago goes.
 * @template K, V @param {Map<K, V>} map @param {K} key @param {V} value @param {number} most
 */
export function setBounded(map, key, value, most) {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value);
}
