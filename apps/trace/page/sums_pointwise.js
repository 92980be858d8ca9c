// Operations by element, and those that only move elements.

// Functions f of one element. The slope is text and number, made of x or y.
const sigmoidOf = x => 1 / (1 + Math.exp(-x));
const normalDensity = x => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
// The normal distribution function: 1/2 + density (x + x^3 / 3 + x^5 / (3 5) + ...); Marsaglia, "Evaluating the normal
// distribution" (2004), section 3.
function normalBelow(x) {
  if (Math.abs(x) > 9) return x > 0 ? 1 : 0;
  let sum = x, term = x;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) sum += term *= (x * x) / k;
  return 0.5 + normalDensity(x) * sum;
}
const geluInner = x => 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const geluInnerSlope = x => 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);

const activations = {
  relu: {f: x => Math.max(x, 0), slope: x => (x > 0 ? 1 : 0)},
  silu: {f: x => x * sigmoidOf(x), slope: x => sigmoidOf(x) * (1 + x * sigmoidOf(-x))},
  gelu_tanh: {
    f: x => x * sigmoidOf(geluInner(x)),
    slope: x => sigmoidOf(geluInner(x)) * (1 + x * sigmoidOf(-geluInner(x)) * geluInnerSlope(x))
  },
  gelu_erf: {f: x => x * normalBelow(x), slope: x => normalBelow(x) + x * normalDensity(x)},
};

// y = f(x): `slope(x, y)` gives the factor of dy as {v, text, of}, where `of` is the tensor that it is made of.
function pointwise(name, f, slope) {
  return {
    value(n, i) {
      const x = valueCell(n.x[0], i);
      return {
        rule: `${name}(${nameOfValue('x', n.x[0], i)})`,
        terms: [termOf(f(x.v), `${name}(${numberText(x.v)})`, x)]
      };
    },
    grad(n, k, i) {
      const dy = gradCell(n, i), {v, text, rule, of} = slope(n, i);
      return {
        rule: `${rule} ${nameOfValue('dy', n.y, i)}`,
        terms: [termOf(v * dy.v, `${text}*${factorText(dy.v)}`, of, dy)]
      };
    },
  };
}
// A slope made of one element `of` (x or y): v(number), text(number as text).
const slopeOf = (of, v, text) => (n, i) => {
  const tensor = of === 'x' ? n.x[0] : n.y, cell = valueCell(tensor, i);
  return {v: v(cell.v), text: text(factorText(cell.v)), rule: text(nameOfValue(of, tensor, i)), of: cell};
};

Object.assign(operations, {
  exp: pointwise('exp', Math.exp, slopeOf('y', y => y, y => y)),
  log: pointwise('ln', Math.log, slopeOf('x', x => 1 / x, x => `1/${x}`)),
  sqrt: pointwise('sqrt', Math.sqrt, slopeOf('y', y => 0.5 / y, y => `1/(2*${y})`)),
  tanh: pointwise('tanh', Math.tanh, slopeOf('y', y => 1 - y * y, y => `(1 - ${y}^2)`)),
  sigmoid: pointwise('sigmoid', sigmoidOf, slopeOf('y', y => y * (1 - y), y => `${y}*(1 - ${y})`)),
});
for (const [name, {f, slope}] of Object.entries(activations))
  operations[name] = pointwise(name, f, slopeOf('x', slope, x => `${name}'(${x.replace(/^\((.*)\)$/, '$1')})`));

// y = a op b with broadcasting: the gradient of an operand sums over its copies.
const otherOf = k => 1 - k;
function binary(sign, value, term, letters) {
  return {
    letters: ['a', 'b'],
    value(n, i) {
      const [a, b] = n.x.map(x => valueCell(x, broadcastIndex(i, n.y.shape, x.shape)));
      return {rule: `${nameOfValue('a', n.x[0], a.i)} ${sign} ${nameOfValue('b', n.x[1], b.i)}`, terms: value(a, b)};
    },
    grad(n, k, i) {
      const copies = range(elementCount(n.y.shape)).filter(j => broadcastIndex(j, n.y.shape, n.x[k].shape) === i);
      const single = copies.length === 1;
      const terms = copies.map(j => term(n, k, j, gradCell(n, j)));
      return {rule: `${single ? '' : 'sum over its copies: '}${letters[k]}`, terms};
    },
  };
}
const operandCell = (n, k, j) => valueCell(n.x[k], broadcastIndex(j, n.y.shape, n.x[k].shape));

// Of a^b by a and by b; NaN where there is none.
const powerSlopes = [
  (a, b) => (b === 0 ? 0 : b * a ** (b - 1)),
  (a, b) => (a > 0 ? a ** b * Math.log(a) : a === 0 && b > 0 ? 0 : NaN),
];

Object.assign(operations, {
  add: binary('+', (a, b) => [oneOf(a), oneOf(b)], (n, k, j, dy) => oneOf(dy), ['dy', 'dy']),
  sub: binary(
      '-', (a, b) => [oneOf(a), productOf(-1, b)], (n, k, j, dy) => (k ? productOf(-1, dy) : oneOf(dy)), ['dy', '-dy']),
  mul: binary(
      '*', (a, b) => [productOf(a, b)], (n, k, j, dy) => productOf(operandCell(n, otherOf(k), j), dy),
      ['b dy', 'a dy']),
  div: binary(
      '/', (a, b) => [termOf(a.v / b.v, `${factorText(a.v)}/${factorText(b.v)}`, a, b)],
      (n, k, j, dy) => {
        const b = operandCell(n, 1, j);
        if (k === 0) return termOf(dy.v / b.v, `${factorText(dy.v)}/${factorText(b.v)}`, dy, b);
        const y = valueCell(n.y, j);
        return termOf((-y.v * dy.v) / b.v, `-${factorText(y.v)}*${factorText(dy.v)}/${factorText(b.v)}`, y, dy, b);
      },
      ['dy / b', '-y dy / b']),
  pow: binary(
      '^', (a, b) => [termOf(a.v ** b.v, `${factorText(a.v)}^${factorText(b.v)}`, a, b)],
      (n, k, j, dy) => {
        const a = operandCell(n, 0, j), b = operandCell(n, 1, j), slope = powerSlopes[k](a.v, b.v);
        return termOf(slope * dy.v, `${factorText(slope)}*${factorText(dy.v)}`, a, b, dy);
      },
      ['b a^(b-1) dy', 'y ln a dy']),
});

// y = c x and y = x + c: a trace does not hold c, but the elements show it.
function factorOf(n) {
  const c = settingFor(n);
  if (Number.isNaN(c)) throw new NoView('Every x is 0, so the factor c cannot be found from the elements.');
  return c;
}
Object.assign(operations, {
  scale: {
    value: (n, i) =>
        ({rule: `c ${nameOfValue('x', n.x[0], i)}`, terms: [productOf(factorOf(n), valueCell(n.x[0], i))]}),
    grad: (n, k, i) => ({rule: `c ${nameOfValue('dy', n.y, i)}`, terms: [productOf(factorOf(n), gradCell(n, i))]}),
  },
  add_scalar: {
    value(n, i) {
      const x = valueCell(n.x[0], i), c = elementsFor(n.y, 'value')[i] - x.v;
      return {rule: `${nameOfValue('x', n.x[0], i)} + c`, terms: [oneOf(x), termOf(c, factorText(c))]};
    },
    grad: (n, k, i) => ({rule: nameOfValue('dy', n.y, i), terms: [oneOf(gradCell(n, i))]}),
  },
});

// Operations that only move elements: places(n)[i] is the element of x that element i of y is.
const places = n => (n.node.places ??= stepOf(n.node).computation.from(n.x[0], n.y, settingFor(n)));
const moved = {
  value(n, i) {
    const at = places(n)[i];
    return {rule: nameOfValue('x', n.x[0], at), terms: [oneOf(valueCell(n.x[0], at))]};
  },
  grad(n, k, i) {
    const at = places(n).indexOf(i);
    if (at < 0) return {rule: '0, as y does not contain this element', terms: [termOf(0, '0')]};
    return {rule: nameOfValue('dy', n.y, at), terms: [oneOf(gradCell(n, at))]};
  },
};
for (const name of ['reshape', 'contiguous', 'cast', 'permute', 'slice']) operations[name] = moved;
