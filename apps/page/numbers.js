'use strict';
// Numbers as text.

// How a page writes what is not finite, if not as such.
let textOfNoNumber = '';

// A number with at most `digits` digits: "0.5", "1.25e-7".
function numberText(x, digits = 4) {
  if (!Number.isFinite(x)) return textOfNoNumber || (Number.isNaN(x) ? 'NaN' : x > 0 ? 'inf' : '-inf');
  return String(+x.toPrecision(digits));
}

// As a factor of a product: negative numbers in brackets.
function factorText(x, digits = 4) {
  const text = numberText(x, digits);
  return text.startsWith('-') ? `(${text})` : text;
}

function bytesText(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; ++unit) n /= 1024;
  return `${unit ? +n.toPrecision(3) : n} ${units[unit]}`;
}

const countText = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;
