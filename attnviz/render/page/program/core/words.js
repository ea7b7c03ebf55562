// Numbers and names as people read them, the same way as everywhere in the package.

/**
 * Write a weight: ".92", "1.0", ".00" for what rounds to nothing, "0" for nothing.
 * @param {number} weight 0 to 1
 * @returns {string}
 */
export function weightText(weight) {
  if (weight === 0) return "0";
  if (weight >= 0.995) return "1.0";
  return weight.toFixed(2).replace(/^0/, "");
}

/**
 * Write a weight as exactly as the file knows it.
 * @param {number} weight 0 to 1
 * @returns {string}
 */
export function exactText(weight) {
  if (weight === 0) return "0";
  return weight < 0.001 ? weight.toExponential(1) : weight.toFixed(4).replace(/^0/, "");
}

/**
 * Write a weight with as many digits as are known of the largest of a query: three.
 * @param {number} weight 0 to 1
 * @returns {string}
 */
export function linkText(weight) {
  if (weight === 0) return "0";
  return weight < 0.001 ? weight.toExponential(1) : weight.toPrecision(3).replace(/^0/, "");
}

/**
 * Write a count or a position: "16,384".
 * @param {number} count
 * @returns {string}
 */
export function countText(count) {
  return count.toLocaleString("en-US");
}

/**
 * Write what the ends of a run are: "1,024–1,055".
 * @param {[number, number]} run
 * @returns {string}
 */
export function runText([first, last]) {
  return first === last ? countText(first) : `${countText(first)}–${countText(last)}`;
}

/**
 * @param {number} share 0 to 1
 * @returns {string}
 */
export function percentText(share) {
  const percent = share * 100;
  return `${percent > 0 && percent < 1 ? "<1" : Math.round(percent)} %`;
}

/**
 * @param {number} difference -1 to 1
 * @returns {string} with its sign
 */
export function differenceText(difference) {
  const size = weightText(Math.abs(difference));
  return size === "0" ? "0" : `${difference < 0 ? "−" : "+"}${size}`;
}
