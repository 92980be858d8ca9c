// Computations by element, of reductions, and of operations that only move elements.

const elementwise = (f, slope) => ({
  forward: ([x]) => x.data.map(f),
  backward: ([x], y, dy) => [dy.map((d, i) => d * slope(x.data[i], y.data[i]))],
});
Object.assign(computations, {
  exp: elementwise(Math.exp, (x, y) => y),
  log: elementwise(Math.log, x => 1 / x),
  sqrt: elementwise(Math.sqrt, (x, y) => 0.5 / y),
  tanh: elementwise(Math.tanh, (x, y) => 1 - y * y),
  sigmoid: elementwise(sigmoidOf, (x, y) => y * (1 - y)),
});
for (const [name, {f, slope}] of Object.entries(activations)) computations[name] = elementwise(f, slope);

// For each element of a result, the element of an operand that is broadcast to it.
const broadcastMaps = new Map();
function broadcastMap(shape, operand) {
  const key = `${shape} ${operand}`;
  if (!broadcastMaps.has(key))
    broadcastMaps.set(key, Int32Array.from(range(elementCount(shape)), i => broadcastIndex(i, shape, operand)));
  return broadcastMaps.get(key);
}
// The slopes are those by a and by b.
const broadcasting = (f, ...slopes) => ({
  forward([a, b], y) {
    const ofA = broadcastMap(y.shape, a.shape), ofB = broadcastMap(y.shape, b.shape);
    return Float64Array.from(ofA, (at, i) => f(a.data[at], b.data[ofB[i]]));
  },
  backward(x, y, dy) {
    const [ofA, ofB] = x.map(operand => broadcastMap(y.shape, operand.shape)), [a, b] = x;
    return x.map((operand, k) => {
      const grad = new Float64Array(operand.data.length), of = k ? ofB : ofA;
      dy.forEach((d, i) => (grad[of[i]] += d * slopes[k](a.data[ofA[i]], b.data[ofB[i]], y.data[i])));
      return grad;
    });
  },
});
Object.assign(computations, {
  add: broadcasting((a, b) => a + b, () => 1, () => 1),
  sub: broadcasting((a, b) => a - b, () => 1, () => -1),
  mul: broadcasting((a, b) => a * b, (a, b) => b, a => a),
  div: broadcasting((a, b) => a / b, (a, b) => 1 / b, (a, b, y) => -y / b),
  pow: broadcasting((a, b) => a ** b, ...powerSlopes),
});

// The number c of y = c x and y = x + c follows from the element of x that determines it best.
const withNumber = (number, forward, backward) => ({
  settings: (x, y, node) => [number(elementsFor(node.inputs[0].tensor, 'value'), elementsFor(node.tensor, 'value'))],
  forward: ([x], y, c) => x.data.map(v => forward(v, c)),
  backward: (x, y, dy, c) => [dy.map(d => backward(d, c))],
});
const finiteWith = (x, better) => x.reduce((at, v, i) => (Number.isFinite(v) && better(v, x[at]) ? i : at), 0);
Object.assign(computations, {
  scale: withNumber(
      (x, y) => {
        const at = finiteWith(x, (v, most) => !(Math.abs(v) <= Math.abs(most)));
        return y[at] / x[at];
      },
      (v, c) => c * v, (d, c) => c * d),
  add_scalar: withNumber(
      (x, y) => {
        const at = finiteWith(x, (v, least) => !(Math.abs(v) >= Math.abs(least)));
        return y[at] - x[at];
      },
      (v, c) => v + c, d => d),
});

// y = silu(gate) up, of the halves of each row: where the gate of element i is, and what it multiplies.
function halvesAt(y, i) {
  const columns = y.shape[y.shape.length - 1], gate = i + Math.floor(i / columns) * columns;
  return [gate, gate + columns];
}
computations.swiglu = {
  forward: ([x], y) => Float64Array.from(
      range(elementCount(y.shape)),
      i => {
        const [gate, up] = halvesAt(y, i).map(at => x.data[at]);
        return activations.silu.f(gate) * up;
      }),
  backward([x], y, dy) {
    const grad = new Float64Array(x.data.length);
    dy.forEach((d, i) => {
      const [gate, up] = halvesAt(y, i);
      grad[gate] = activations.silu.slope(x.data[gate]) * x.data[up] * d;
      grad[up] = activations.silu.f(x.data[gate]) * d;
    });
    return [grad];
  },
};

// Reductions of x as [outer, size, inner], whose result is [outer, inner].
const reductions = ([x], y) => !y.shape.length ?
    [{size: elementCount(x.shape), inner: 1}] :
    [...x.shape.keys()]
        .filter(d => String(x.shape.filter((_, k) => k !== d)) === String(y.shape))
        .map(d => ({size: x.shape[d], inner: elementCount(x.shape.slice(d + 1))}));
const sourcesOf = ({size, inner}, i) => range(size).map(k => (Math.floor(i / inner) * size + k) * inner + (i % inner));
const reducing = (of, slope) => ({
  settings: reductions,
  forward: ([x], y, s) =>
      Float64Array.from(range(elementCount(y.shape)), i => of(sourcesOf(s, i).map(at => x.data[at]))),
  backward([x], y, dy, s) {
    const grad = new Float64Array(x.data.length);
    dy.forEach((d, i) => sourcesOf(s, i).forEach((at, k, all) => (grad[at] = d * slope(k, all.map(j => x.data[j])))));
    return [grad];
  },
});
const total = values => values.reduce((sum, v) => sum + v, 0);
Object.assign(computations, {
  sum: reducing(total, () => 1),
  mean: reducing(values => total(values) / values.length, (k, values) => 1 / values.length),
  max: reducing(values => Math.max(...values), (k, values) => (values.indexOf(Math.max(...values)) === k ? 1 : 0)),
});

// Operations that move elements: from(x, y, s) lists, for each element of y, the element of x that it is.
const moving = (from, settings) => ({
  settings,
  from,
  forward: ([x], y, s) => Float64Array.from(from(x, y, s), at => x.data[at]),
  backward([x], y, dy, s) {
    const grad = new Float64Array(x.data.length);
    from(x, y, s).forEach((at, i) => (grad[at] += dy[i]));
    return [grad];
  },
});
const permutations = n =>
    (n === 0 ?
         [[]] :
         permutations(n - 1).flatMap(order => range(n).map(k => [...order.slice(0, k), n - 1, ...order.slice(k)])));
const inPlace = moving(x => range(elementCount(x.shape)));
Object.assign(computations, {
  reshape: inPlace,
  contiguous: inPlace,
  cast: inPlace,
  // Dimension k of y is dimension order[k] of x.
  permute: moving(
      (x, y, order) => range(elementCount(y.shape)).map(i => {
        const at = [];
        coordinatesOf(i, y.shape).forEach((place, k) => (at[order[k]] = place));
        return indexOf(at, x.shape);
      }),
      ([x], y) => permutations(x.shape.length).filter(order => order.every((d, k) => x.shape[d] === y.shape[k]))),
  slice: moving(
      (x, y, {d, start}) => range(elementCount(y.shape)).map(i => {
        const at = coordinatesOf(i, y.shape);
        at[d] += start;
        return indexOf(at, x.shape);
      }),
      ([x], y) => {
        const cut = Math.max(0, x.shape.findIndex((size, d) => size !== y.shape[d]));
        return range(x.shape[cut] - y.shape[cut] + 1).map(start => ({d: cut, start}));
      }),
});

// Tensors one after the other along dimension d.
computations.concat = {
  settings: (x, y) => range(y.shape.length).filter(d => x.reduce((sum, part) => sum + part.shape[d], 0) === y.shape[d]),
  // For each element of y, the number of its part and its place in that.
  places: (x, y, d) => range(elementCount(y.shape)).map(i => {
    const at = coordinatesOf(i, y.shape);
    let k = 0;
    for (; at[d] >= x[k].shape[d]; ++k) at[d] -= x[k].shape[d];
    return [k, indexOf(at, x[k].shape)];
  }),
  forward(x, y, d) {
    return Float64Array.from(this.places(x, y, d), ([k, at]) => x[k].data[at]);
  },
  backward(x, y, dy, d) {
    const grads = x.map(part => new Float64Array(part.data.length));
    this.places(x, y, d).forEach(([k, at], i) => (grads[k][at] = dy[i]));
    return grads;
  },
};
