// Reductions, products and norms.

// x as [outer, size, inner], of which a reduction removes `size`.
const reducedCells = (n, i) => sourcesOf(settingFor(n), i).map(at => valueCell(n.x[0], at));
const resultOf = ({size, inner}, i) => Math.floor(i / (size * inner)) * inner + (i % inner);
const reducedGrad = (n, i) => gradCell(n, resultOf(settingFor(n), i));

Object.assign(operations, {
  sum: {
    value: (n, i) => ({rule: 'sum_k x[k]', terms: reducedCells(n, i).map(oneOf)}),
    grad: (n, k, i) => ({rule: 'dy', terms: [oneOf(reducedGrad(n, i))]}),
  },
  mean: {
    value(n, i) {
      const {size} = settingFor(n);
      return {
        rule: 'sum_k x[k] / n',
        terms: reducedCells(n, i).map(x => termOf(x.v / size, `${factorText(x.v)}/${size}`, x))
      };
    },
    grad(n, k, i) {
      const {size} = settingFor(n), dy = reducedGrad(n, i);
      return {rule: 'dy / n', terms: [termOf(dy.v / size, `${factorText(dy.v)}/${size}`, dy)]};
    },
  },
  max: {
    largest: (n, i) => reducedCells(n, i).reduce((a, b) => (b.v > a.v ? b : a)),
    value(n, i) { return {rule: 'the largest x', terms: [oneOf(this.largest(n, i))]}; },
    grad(n, k, i) {
      return this.largest(n, resultOf(settingFor(n), i)).i === i ?
          {rule: 'dy, as this is the first largest x', terms: [oneOf(reducedGrad(n, i))]} :
          {rule: '0, as another x is the largest', terms: [termOf(0, '0')]};
    },
  },
});

// Element [r,k] of a matrix with a beginning and distances between rows and columns, and the place of element i in it.
const atPlace = ([begin, row, column], r, k) => begin + r * row + k * column;
const placeIn = ([begin, row, column], i) => row > column ? [Math.floor((i - begin) / row), (i - begin) % row] :
                                                            [(i - begin) % column, Math.floor((i - begin) / column)];

// Each pair of matrices of a product, with its settings: `a`, `b` and `y` are their beginnings and distances.
function productPairs(n) {
  const s = settingThatFits(n);
  return computations.matmul.pairs(n.x, n.y, s).map(pair => ({...pair, ...s}));
}
operations.matmul = {
  letters: ['a', 'b'],
  value(n, i) {
    const pairs = productPairs(n), {M, N, K} = pairs[0], {a, b} = pairs[Math.floor(i / (M * N))];
    const r = Math.floor(i / N) % M, j = i % N;
    return {
      rule: `sum_k a[${r},k] b[k,${j}]`,
      terms: range(K).map(k => productOf(valueCell(n.x[0], atPlace(a, r, k)), valueCell(n.x[1], atPlace(b, k, j))))
    };
  },
  grad(n, input, i) {
    const letter = 'ab'[input], size = n.x[input].shape.slice(-2).reduce((rows, columns) => rows * columns);
    const pairs = productPairs(n).filter(pair => Math.floor(i / size) * size === pair[letter][0]);
    const [row, column] = placeIn(pairs[0][letter], i), {M, N} = pairs[0];
    if (input === 0)
      return {
        rule: `sum_j dy[${row},j] b[${column},j]`,
        terms: pairs.flatMap(
            ({b, y}) =>
                range(N).map(j => productOf(gradCell(n, atPlace(y, row, j)), valueCell(n.x[1], atPlace(b, column, j)))))
      };
    return {
      rule: `sum_r a[r,${row}] dy[r,${column}]`,
      terms: pairs.flatMap(
          ({a, y}) =>
              range(M).map(r => productOf(valueCell(n.x[0], atPlace(a, r, row)), gradCell(n, atPlace(y, r, column)))))
    };
  },
};

// A layer: its weight is [in, out] or [out, in], and it may read f(z) instead of x.
function layerOf(n) {
  if (n.x[4]) throw new NoView('There is no view of the sums of a layer with a low-rank change yet.');
  return settingThatFits(n);
}
// Row r by the coordinates of the dimensions before the last: "0,5".
const rowName = (shape, r) => coordinatesOf(r, shape.slice(0, -1)).join(',');
// x or f(z) as a factor.
const layerInput = (n, {curve}, i) => {
  const cell = valueCell(n.x[0], i);
  return curve ? {...cell, v: curve.f(cell.v)} : cell;
};
const layerWeight = (n, {strides}, k, j) => valueCell(n.x[1], atPlace(strides, k, j));
operations.linear = {
  letters: ['x', 'W', 'b', 'residual'],
  value(n, i) {
    const layer = layerOf(n), {name, inputs, outputs} = layer, r = Math.floor(i / outputs), j = i % outputs;
    const row = rowName(n.y.shape, r), x = name ? `${name}(z[${row},k])` : `x[${row},k]`;
    const terms = range(inputs).map(k => productOf(layerInput(n, layer, r * inputs + k), layerWeight(n, layer, k, j)));
    if (n.x[2]) terms.push(oneOf(valueCell(n.x[2], j)));
    if (n.x[3]) terms.push(oneOf(valueCell(n.x[3], i)));
    return {
      rule: `sum_k ${x} W[k,${j}]${n.x[2] ? ` + b[${j}]` : ''}${n.x[3] ? ` + residual[${row},${j}]` : ''}`,
      terms
    };
  },
  grad(n, input, i) {
    if (input === 3) return {rule: 'dy', terms: [oneOf(gradCell(n, i))]};
    if (input === 2) return gradOfBias(n, i);
    const layer = layerOf(n), {name, curve, inputs, outputs} = layer;
    if (input === 0) {
      const r = Math.floor(i / inputs), k = i % inputs, row = rowName(n.y.shape, r);
      const slope = curve ? [curve.slope(valueCell(n.x[0], i).v)] : [];
      return {
        rule: `${name ? `${name}'(z[${row},${k}]) ` : ''}sum_j dy[${row},j] W[${k},j]`,
        terms: range(outputs).map(j => productOf(...slope, gradCell(n, r * outputs + j), layerWeight(n, layer, k, j)))
      };
    }
    const [k, j] = placeIn(layer.strides, i), rows = elementCount(n.y.shape) / outputs;
    return {
      rule: `sum_r ${name ? `${name}(z[r,${k}])` : `x[r,${k}]`} dy[r,${j}]`,
      terms: range(rows).map(r => productOf(layerInput(n, layer, r * inputs + k), gradCell(n, r * outputs + j)))
    };
  },
};
// Of a bias of rows: the sum of a column.
function gradOfBias(n, i) {
  return {rule: `sum_r dy[r,${i}]`, terms: rowsOf(n.y).map(([begin]) => oneOf(gradCell(n, begin + i)))};
}

// Rows of the last dimension: where the row of element i begins, and its length.
function rowAt(tensor, i) {
  const columns = tensor.shape.length ? tensor.shape[tensor.shape.length - 1] : 1;
  return {columns, start: i - (i % columns), at: i % columns};
}

operations.softmax = {
  value(n, i) {
    const {columns, start, at} = rowAt(n.y, i), x = range(columns).map(k => valueCell(n.x[0], start + k));
    const most = x.reduce((m, cell) => Math.max(m, cell.v), -Infinity), powers = x.map(cell => Math.exp(cell.v - most));
    const shown = powers.slice(0, 8).map(p => numberText(p));
    return {
      rule: `exp(x[${at}] - max x) / sum_k exp(x[k] - max x)`,
      terms: [termOf(
          powers[at] / total(powers),
          `${numberText(powers[at])}/(${shown.join(' + ')}${columns > 8 ? ' + \u2026' : ''})`, ...x)]
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

// layernorm, and rmsnorm, which does not subtract the mean.
function norm(centred) {
  const weightOf = (n, c) => valueCell(n.x[1], c);
  const statistics = (n, i) => {
    const {columns, start} = rowAt(n.y, i), {computation, setting} = stepOf(n.node);
    const row = elementsFor(n.x[0], 'value').slice(start, start + columns);
    return {columns, start, ...computation.statistics(row, setting)};
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
      if (input === 2) return gradOfBias(n, i);
      if (input === 1)
        return {
          rule: `sum_r dy[r,${i}] n[r,${i}]`,
          terms: rowsOf(n.y).map(([begin]) => {
            const j = begin + i, dy = gradCell(n, j), normal = statistics(n, j).n[i];
            return termOf(dy.v * normal, `${factorText(dy.v)}*${factorText(normal)}`, dy, valueCell(n.x[0], j));
          })
        };
      const {columns, start, n: normal, rstd} = statistics(n, i), at = i - start;
      const dy = range(columns).map(k => gradCell(n, start + k)), g = dy.map((cell, k) => cell.v * weightOf(n, k).v);
      const mean = total(g) / columns, along = g.reduce((s, v, k) => s + v * normal[k], 0) / columns;
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
