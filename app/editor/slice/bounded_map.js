/** A map with room for the newest entries only. */

/**
 * Add an entry as the newest; beyond `most` entries, drop the oldest.
 * @template K, V @param {Map<K, V>} map @param {K} key @param {V} value @param {number} most
 */
export function setBounded(map, key, value, most) {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value);
}
