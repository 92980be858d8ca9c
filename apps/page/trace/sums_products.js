// Reductions, products and norms.

// x as [outer, size, inner], of which a reduction removes `size`.
function reduction(n) {
  const x = n.x[0].shape, y = n.y.shape;
  if (y.length === 0) return {size: elementCount(x), inner: 1};
  const fits = range(x.length).filter(d => shapeText(x.filter((_, k) => k !== d)) === shapeText(y));
  if (fits.length !== 1) return (n.node.reduction = n.node.reduction || stepOf(n.node).setting);
  return {size: x[fits[0]], inner: elementCount(x.slice(fits[0] + 1))};
}
const reducedCells = (n, {size, inner}, i) =>
    range(size).map(k => valueCell(n.x[0], (Math.floor(i / inner) * size + k) * inner + (i % inner)));
const resultOf = ({size, inner}, i) => Math.floor(i / (size * inner)) * inner + (i % inner);

Object.assign(operations, {
  sum: {
    value: (n, i) => ({rule: 'sum_k x[k]', terms: reducedCells(n, reduction(n), i).map(oneOf)}),
    grad: (n, k, i) => ({rule: 'dy', terms: [oneOf(gradCell(n, resultOf(reduction(n), i)))]}),
  },
  mean: {
    value(n, i) {
      const layout = reduction(n), {size} = layout;
      return {
        rule: 'sum_k x[k] / n',
        terms: reducedCells(n, layout, i).map(x => termOf(x.v / size, `${factorText(x.v)}/${size}`, x))
      };
    },
    grad(n, k, i) {
      const layout = reduction(n), dy = gradCell(n, resultOf(layout, i));
      return {rule: 'dy / n', terms: [termOf(dy.v / layout.size, `${factorText(dy.v)}/${layout.size}`, dy)]};
    },
  },
  max: {
    value(n, i) {
      const cells = reducedCells(n, reduction(n), i), most = cells.reduce((a, b) => (b.v > a.v ? b : a));
      return {rule: 'the largest x', terms: [oneOf(most)]};
    },
    grad(n, k, i) {
      const layout = reduction(n), j = resultOf(layout, i), dy = gradCell(n, j);
      const first = reducedCells(n, layout, j).reduce((a, b) => (b.v > a.v ? b : a));
      return first.i === i ? {rule: 'dy, as this is the first largest x', terms: [oneOf(dy)]} :
                             {rule: '0, as another x is the largest', terms: [termOf(0, '0')]};
    },
  },
});

// How a product reads its operands. Leading dimensions broadcast: `pairs` holds, for each matrix of y, the numbers of its
// matrices of a and b. Whether an operand is transposed is not in the trace; the reading that gives the recorded result
// is the right one.
function matrices(n) {
  if (n.node.matrices) return n.node.matrices;
  const [a, b] = n.x.map(x => x.shape), y = n.y.shape, batch = y.slice(0, -2), [M, N] = y.slice(-2);
  const of = (i, shape) => (batch.length ? broadcastIndex(i, batch, shape.slice(0, -2)) : 0);
  const pairs = range(elementCount(batch)).map(i => ({a: of(i, a), b: of(i, b)}));
  const recorded = elementsFor(n.y, 'value'), count = recorded.length;
  const checked = range(Math.min(count, 24)).map(k => Math.floor((k * count) / Math.min(count, 24)));
  let best = null;
  for (const turned of [[false, false], [false, true], [true, false], [true, true]]) {
    const [rowsA, columnsA] = turned[0] ? a.slice(-2).reverse() : a.slice(-2);
    const [rowsB, columnsB] = turned[1] ? b.slice(-2).reverse() : b.slice(-2);
    if (rowsA !== M || columnsB !== N || columnsA !== rowsB) continue;
    const K = columnsA,
          at = (first, second, columns, rows, swapped) => swapped ? second * rows + first : first * columns + second;
    const reading = {
      M,
      N,
      K,
      pairs,
      a: (pair, r, k) => valueCell(n.x[0], pair.a * M * K + at(r, k, K, M, turned[0])),
      b: (pair, k, j) => valueCell(n.x[1], pair.b * K * N + at(k, j, N, K, turned[1])),
      // The row and column of element i of a, and of b, after transposition.
      placeInA: i => (turned[0] ? [i % M, Math.floor(i / M) % K] : [Math.floor(i / K) % M, i % K]),
      placeInB: i => (turned[1] ? [i % K, Math.floor(i / K) % N] : [Math.floor(i / N) % K, i % N]),
    };
    const total = i => productTerms(reading, i).reduce((sum, term) => sum + term.v, 0);
    const error = checked.reduce((sum, i) => sum + Math.abs(total(i) - recorded[i]), 0);
    if (!best || error < best.error) best = {...reading, error};
  }
  const size = checked.reduce((sum, i) => sum + Math.abs(recorded[i]), 0);
  if (!best || !(best.error <= 0.02 * size + 1e-6)) throw new NoView('No sum of its inputs gives the recorded result.');
  n.node.matrices = best;
  return best;
}
function productTerms({M, N, K, pairs, a, b}, i) {
  const pair = pairs[Math.floor(i / (M * N))], r = Math.floor(i / N) % M, j = i % N;
  return range(K).map(k => productOf(a(pair, r, k), b(pair, k, j)));
}
operations.matmul = {
  letters: ['a', 'b'],
  value(n, i) {
    const reading = matrices(n), {M, N} = reading;
    return {rule: `sum_k a[${Math.floor(i / N) % M},k] b[k,${i % N}]`, terms: productTerms(reading, i)};
  },
  grad(n, input, i) {
    const {M, N, K, pairs, a, b, placeInA, placeInB} = matrices(n), terms = [];
    if (input === 0) {
      const [r, k] = placeInA(i);
      pairs.forEach(
          (pair, p) => pair.a === Math.floor(i / (M * K)) &&
              range(N).forEach(j => terms.push(productOf(gradCell(n, (p * M + r) * N + j), b(pair, k, j)))));
      return {rule: `sum_j dy[${r},j] b[${k},j]`, terms};
    }
    const [k, j] = placeInB(i);
    pairs.forEach(
        (pair, p) => pair.b === Math.floor(i / (K * N)) &&
            range(M).forEach(r => terms.push(productOf(a(pair, r, k), gradCell(n, (p * M + r) * N + j)))));
    return {rule: `sum_r a[r,${k}] dy[r,${j}]`, terms};
  },
};

// A layer: its weight is [in, out] or [out, in], and it may read f(z) instead of x. Neither is in the trace; the reading
// that gives the recorded result is the right one.
function readingOf(n) {
  if (n.node.reading) return n.node.reading;
  const [x, W] = n.x;
  if (n.x[4]) throw new NoView('There is no view of the sums of a layer with a low-rank change yet.');
  const inputs = x.shape[x.shape.length - 1], outputs = n.y.shape[n.y.shape.length - 1],
        count = elementCount(n.y.shape);
  const functions = n.node.saved.some(saved => saved.name === 'z') ?
      Object.entries(activations).map(([name, {f, slope}]) => ({name, f, slope})) :
      [{name: '', f: v => v, slope: () => 1}];
  const layouts = [[inputs, outputs, (i, j) => i * outputs + j], [outputs, inputs, (i, j) => j * inputs + i]]
                      .filter(([rows, columns]) => W.shape[0] === rows && W.shape[1] === columns)
                      .map(layout => layout[2]);
  const y = elementsFor(n.y, 'value'),
        checked = range(Math.min(count, 24)).map(k => Math.floor((k * count) / Math.min(count, 24)));
  let best = null;
  for (const {name, f, slope} of functions)
    for (const weight of layouts) {
      const reading = {name, f, slope, weight, inputs, outputs};
      const error =
          checked.reduce((sum, i) => sum + Math.abs(layerTerms(n, reading, i).reduce((s, t) => s + t.v, 0) - y[i]), 0);
      if (!best || error < best.error) best = {...reading, error};
    }
  const size = checked.reduce((sum, i) => sum + Math.abs(y[i]), 0);
  if (!best || !(best.error <= 0.02 * size + 1e-6)) throw new NoView('No sum of its inputs gives the recorded result.');
  n.node.reading = best;
  return best;
}
// Row r by the coordinates of the dimensions before the last: "0,5".
const rowName = (shape, r) => coordinatesOf(r, shape.slice(0, -1)).join(',');
// x or f(z) as a factor.
const layerInput = (n, {f}, i) => {
  const cell = valueCell(n.x[0], i);
  return {...cell, v: f(cell.v)};
};
function layerTerms(n, reading, i) {
  const r = Math.floor(i / reading.outputs), j = i % reading.outputs;
  const terms =
      range(reading.inputs)
          .map(k => productOf(layerInput(n, reading, r * reading.inputs + k), valueCell(n.x[1], reading.weight(k, j))));
  if (n.x[2]) terms.push(oneOf(valueCell(n.x[2], j)));
  if (n.x[3]) terms.push(oneOf(valueCell(n.x[3], i)));
  return terms;
}
operations.linear = {
  letters: ['x', 'W', 'b', 'residual'],
  value(n, i) {
    const reading = readingOf(n), r = rowName(n.y.shape, Math.floor(i / reading.outputs)), j = i % reading.outputs;
    const x = reading.name ? `${reading.name}(z[${r},k])` : `x[${r},k]`;
    return {
      rule: `sum_k ${x} W[k,${j}]${n.x[2] ? ` + b[${j}]` : ''}${n.x[3] ? ` + residual[${r},${j}]` : ''}`,
      terms: layerTerms(n, reading, i)
    };
  },
  grad(n, input, i) {
    if (input === 3) return {rule: 'dy', terms: [oneOf(gradCell(n, i))]};
    const outputs = n.y.shape[n.y.shape.length - 1], rows = elementCount(n.y.shape) / outputs;
    if (input === 2)
      return {rule: `sum_r dy[r,${i}]`, terms: range(rows).map(r => oneOf(gradCell(n, r * outputs + i)))};
    const reading = readingOf(n), {inputs, name} = reading;
    if (input === 0) {
      const r = Math.floor(i / inputs), k = i % inputs;
      const slope = name ? [reading.slope(valueCell(n.x[0], i).v)] : [];
      const row = rowName(n.y.shape, r);
      return {
        rule: `${name ? `${name}'(z[${row},${k}]) ` : ''}sum_j dy[${row},j] W[${k},j]`,
        terms: range(outputs).map(
            j => productOf(...slope, gradCell(n, r * outputs + j), valueCell(n.x[1], reading.weight(k, j))))
      };
    }
    const transposed = reading.weight(0, 1) !== 1 && outputs > 1;
    const k = transposed ? i % inputs : Math.floor(i / outputs), j = transposed ? Math.floor(i / inputs) : i % outputs;
    return {
      rule: `sum_r ${name ? `${name}(z[r,${k}])` : `x[r,${k}]`} dy[r,${j}]`,
      terms: range(rows).map(r => productOf(layerInput(n, reading, r * inputs + k), gradCell(n, r * outputs + j)))
    };
  },
};

// Rows of the last dimension: where the row of element i begins, and its length.
function rowAt(tensor, i) {
  const columns = tensor.shape.length ? tensor.shape[tensor.shape.length - 1] : 1;
  return {columns, start: i - (i % columns), at: i % columns};
}

operations.softmax = {
  value(n, i) {
    const {columns, start, at} = rowAt(n.y, i), x = range(columns).map(k => valueCell(n.x[0], start + k));
    const most = x.reduce((m, cell) => Math.max(m, cell.v), -Infinity), powers = x.map(cell => Math.exp(cell.v - most));
    const total = powers.reduce((sum, p) => sum + p, 0), shown = powers.slice(0, 8).map(p => numberText(p));
    return {
      rule: `exp(x[${at}] - max x) / sum_k exp(x[k] - max x)`,
      terms: [termOf(
          powers[at] / total, `${numberText(powers[at])}/(${shown.join(' + ')}${columns > 8 ? ' + \u2026' : ''})`,
          ...x)]
    };
  },
  grad(n, k, i) {
    const {columns, start, at} = rowAt(n.y, i), y = valueCell(n.y, i);
    return {
      rule: `y[${at}] dy[${at}] - sum_k y[${at}] y[k] dy[k]`,
      terms: [
        productOf(y, gradCell(n, i)),
        ...range(columns).map(j => productOf(-1, y, valueCell(n.y, start + j), gradCell(n, start + j)))
      ]
    };
  },
};

// layernorm, and rmsnorm, which does not subtract the mean. eps is not in the trace; this is the default of both.
const normEpsilon = 1e-5;
function norm(centred) {
  const weightOf = (n, c) => valueCell(n.x[1], c);
  const statistics = (n, i) => {
    const {columns, start} = rowAt(n.y, i), x = range(columns).map(k => valueCell(n.x[0], start + k).v);
    const mean = centred ? x.reduce((s, v) => s + v, 0) / columns : 0;
    const rstd = 1 / Math.sqrt(x.reduce((s, v) => s + (v - mean) ** 2, 0) / columns + normEpsilon);
    return {columns, start, n: x.map(v => (v - mean) * rstd), rstd, mean};
  };
  return {
    letters: ['x', 'weight', 'bias'],
    value(n, i) {
      const {at} = rowAt(n.y, i), {mean, rstd} = statistics(n, i), x = valueCell(n.x[0], i), w = weightOf(n, at);
      const inner = centred ? `(${numberText(x.v)} - ${factorText(mean)})` : factorText(x.v);
      const terms = [termOf((x.v - mean) * rstd * w.v, `${inner}*${numberText(rstd)}*${factorText(w.v)}`, x, w)];
      if (n.x[2]) terms.push(oneOf(valueCell(n.x[2], at)));
      return {
        rule: `${centred ? `(x[${at}] - mean x)` : `x[${at}]`} rstd weight[${at}]${n.x[2] ? ` + bias[${at}]` : ''}`,
        terms
      };
    },
    grad(n, input, i) {
      const columns = n.y.shape[n.y.shape.length - 1], rows = range(elementCount(n.y.shape) / columns);
      if (input === 2) return {rule: `sum_r dy[r,${i}]`, terms: rows.map(r => oneOf(gradCell(n, r * columns + i)))};
      if (input === 1)
        return {
          rule: `sum_r dy[r,${i}] n[r,${i}]`,
          terms: rows.map(r => {
            const j = r * columns + i, dy = gradCell(n, j), normal = statistics(n, j).n[i];
            return termOf(dy.v * normal, `${factorText(dy.v)}*${factorText(normal)}`, dy, valueCell(n.x[0], j));
          })
        };
      const {start, n: normal, rstd} = statistics(n, i), at = i - start;
      const dy = range(columns).map(k => gradCell(n, start + k)), g = dy.map((cell, k) => cell.v * weightOf(n, k).v);
      const mean = g.reduce((s, v) => s + v, 0) / columns,
            along = g.reduce((s, v, k) => s + v * normal[k], 0) / columns;
      return {
        rule: `rstd (g[${at}]${centred ? ' - mean g' : ''} - n[${at}] mean(g n)), g = dy weight`,
        terms: [
          termOf(rstd * g[at], `${numberText(rstd)}*${factorText(g[at])}`, dy[at]),
          ...(centred ? [termOf(-rstd * mean, `-${numberText(rstd)}*${factorText(mean)}`, ...dy)] : []),
          termOf(
              -rstd * normal[at] * along, `-${numberText(rstd)}*${factorText(normal[at])}*${factorText(along)}`, ...dy,
              ...range(columns).map(k => valueCell(n.x[0], start + k)))
        ]
      };
    },
  };
}
operations.layernorm = norm(true);
operations.rmsnorm = norm(false);
