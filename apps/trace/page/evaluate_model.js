// Computations of products, norms, attention, and of a model's ends.

// y[r,j] (add) sum_k a[r,k] b[k,j], of matrices with these distances between rows and columns.
function addProduct(y, a, b, {M, N, K, ofY = [0, N, 1], ofA = [0, K, 1], ofB = [0, N, 1]}) {
  for (let r = 0; r < M; ++r)
    for (let j = 0; j < N; ++j) {
      let sum = 0;
      for (let k = 0; k < K; ++k) sum += a[ofA[0] + r * ofA[1] + k * ofA[2]] * b[ofB[0] + k * ofB[1] + j * ofB[2]];
      y[ofY[0] + r * ofY[1] + j * ofY[2]] += sum;
    }
}
const transposedStrides = ([start, row, column]) => [start, column, row];

computations.matmul = {
  settings([a, b], y) {
    const [M, N] = y.shape.slice(-2), fits = [];
    for (const swapA of [false, true])
      for (const swapB of [false, true]) {
        const [rowsA, K] = swapA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
        const [rowsB, columnsB] = swapB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
        if (rowsA === M && rowsB === K && columnsB === N) fits.push({M, N, K, swapA, swapB});
      }
    return fits;
  },
  // The matrices of a, b and y that belong together: leading dimensions are broadcast.
  pairs([a, b], y, {M, N, K, swapA, swapB}) {
    const batch = y.shape.slice(0, -2), ofA = broadcastMap(batch, a.shape.slice(0, -2)),
          ofB = broadcastMap(batch, b.shape.slice(0, -2));
    return range(elementCount(batch)).map(i => ({
                                            y: [i * M * N, N, 1],
                                            a: swapA ? [ofA[i] * M * K, 1, M] : [ofA[i] * M * K, K, 1],
                                            b: swapB ? [ofB[i] * K * N, 1, K] : [ofB[i] * K * N, N, 1]
                                          }));
  },
  forward(x, y, s) {
    const data = new Float64Array(elementCount(y.shape));
    for (const at of this.pairs(x, y, s))
      addProduct(data, x[0].data, x[1].data, {...s, ofY: at.y, ofA: at.a, ofB: at.b});
    return data;
  },
  backward(x, y, dy, s) {
    const {M, N, K} = s, [da, db] = x.map(operand => new Float64Array(operand.data.length));
    for (const at of this.pairs(x, y, s)) {
      addProduct(da, dy, x[1].data, {M, N: K, K: N, ofY: at.a, ofA: at.y, ofB: transposedStrides(at.b)});
      addProduct(db, x[0].data, dy, {M: K, N, K: M, ofY: at.b, ofA: transposedStrides(at.a), ofB: at.y});
    }
    return [da, db];
  },
};

// y = residual + f(x) W + b, where f is an activation if the layer reads a value before its activation.
computations.linear = {
  settings([x, W, , , A], y, node) {
    if (A) return [];
    const inputs = x.shape[x.shape.length - 1], outputs = y.shape[y.shape.length - 1];
    const curves = node.saved.some(saved => saved.name === 'z') ? Object.entries(activations) : [['', null]];
    const layouts = [
      [inputs, outputs, [0, outputs, 1]],
      [outputs, inputs, [0, 1, inputs]],
    ].filter(([rows, columns]) => W.shape[0] === rows && W.shape[1] === columns);
    return curves.flatMap(([name, curve]) => layouts.map(([, , strides]) => ({name, curve, strides, inputs, outputs})));
  },
  multiplied: ({data}, {curve}) => (curve ? data.map(curve.f) : data),
  forward([x, W, b, residual], y, s) {
    const {inputs: K, outputs: N, strides} = s, M = elementCount(y.shape) / N;
    const data = residual ? Float64Array.from(residual.data) : new Float64Array(M * N);
    if (b) data.forEach((v, i) => (data[i] += b.data[i % N]));
    addProduct(data, this.multiplied(x, s), W.data, {M, N, K, ofB: strides});
    return data;
  },
  backward([x, W, b, residual], y, dy, s) {
    const {inputs: K, outputs: N, strides, curve} = s, M = elementCount(y.shape) / N;
    const dx = new Float64Array(x.data.length), dW = new Float64Array(W.data.length);
    addProduct(dx, dy, W.data, {M, N: K, K: N, ofB: transposedStrides(strides)});
    if (curve) x.data.forEach((z, i) => (dx[i] *= curve.slope(z)));
    addProduct(dW, this.multiplied(x, s), dy, {M: K, N, K: M, ofY: strides, ofA: [0, 1, K]});
    const db = b && new Float64Array(N);
    if (b) dy.forEach((d, i) => (db[i % N] += d));
    return [dx, dW, db, residual ? dy : null];
  },
};

// Rows of the last dimension.
const rowsOf = ({shape}) => {
  const columns = shape[shape.length - 1];
  return range(elementCount(shape) / columns).map(r => [r * columns, (r + 1) * columns]);
};

// A norm of rows; `centred` norms subtract the mean.
const normEpsilons = [1e-5, 1e-6, 1e-8, 1e-12, 0];
const normalising = centred => ({
  settings: () => normEpsilons,
  statistics(row, epsilon) {
    const mean = centred ? total(row) / row.length : 0;
    const rstd = 1 / Math.sqrt(row.reduce((s, v) => s + (v - mean) ** 2, 0) / row.length + epsilon);
    return {n: row.map(v => (v - mean) * rstd), rstd, mean};
  },
  forward([x, weight, bias], y, epsilon) {
    const data = new Float64Array(x.data.length);
    for (const [begin, end] of rowsOf(x)) {
      const {n} = this.statistics(x.data.slice(begin, end), epsilon);
      n.forEach((v, c) => (data[begin + c] = v * weight.data[c] + (bias ? bias.data[c] : 0)));
    }
    return data;
  },
  backward([x, weight, bias], y, dy, epsilon) {
    const dx = new Float64Array(x.data.length), dweight = new Float64Array(weight.data.length),
          dbias = bias && new Float64Array(bias.data.length);
    for (const [begin, end] of rowsOf(x)) {
      const {n, rstd} = this.statistics(x.data.slice(begin, end), epsilon);
      const g = n.map((_, c) => dy[begin + c] * weight.data[c]);
      const mean = centred ? total(g) / g.length : 0, along = g.reduce((s, v, c) => s + v * n[c], 0) / g.length;
      n.forEach((v, c) => {
        dx[begin + c] = rstd * (g[c] - mean - v * along);
        dweight[c] += dy[begin + c] * v;
        if (bias) dbias[c] += dy[begin + c];
      });
    }
    return [dx, dweight, dbias];
  },
});
computations.layernorm = normalising(true);
computations.rmsnorm = normalising(false);

// The softmax of numbers, and their log of the sum of exponentials.
function softmaxOf(z) {
  const most = z.reduce((m, v) => Math.max(m, v), -Infinity), powers = z.map(v => Math.exp(v - most)),
        sum = total(powers);
  return {p: powers.map(v => v / sum), logSum: most + Math.log(sum)};
}
const softmaxing = visible => ({
  forward([x]) {
    const data = new Float64Array(x.data.length);
    for (const [begin, end] of rowsOf(x)) data.set(softmaxOf(x.data.slice(begin, visible(x, begin, end))).p, begin);
    return data;
  },
  backward([x], y, dy) {
    const dx = new Float64Array(x.data.length);
    for (const [begin, end] of rowsOf(x)) {
      let along = 0;
      for (let i = begin; i < end; ++i) along += y.data[i] * dy[i];
      for (let i = begin; i < end; ++i) dx[i] = y.data[i] * (dy[i] - along);
    }
    return [dx];
  },
});
computations.softmax = softmaxing((x, begin, end) => end);
computations.causal_softmax = softmaxing((x, begin, end) => {
  const [queries, keys] = x.shape.slice(-2), query = (begin / keys) % queries;
  return Math.min(end, begin + keys - queries + query + 1);
});

// Causal attention; the layouts are those of the sums.
const attending = settings => ({
  settings,
  // Calls use(p, b, h, g, t) with the weights of each query, and the head g of its keys and values.
  each(x, s, use) {
    const {B, H, T, S, D, tensors} = s, q = x[tensors.q].data, k = x[tensors.k].data;
    for (let b = 0; b < B; ++b)
      for (let h = 0; h < H; ++h)
        for (let t = 0; t < T; ++t) {
          const g = headOfKeys(s, h), scores = new Float64Array(t + 1 + S - T);
          addProduct(scores, q, k, {
            M: 1,
            N: scores.length,
            K: D,
            ofA: [s.q(b, h, t, 0), 0, 1],
            ofB: [s.k(b, g, 0, 0), 1, s.k(b, g, 1, 0) - s.k(b, g, 0, 0)]
          });
          use(softmaxOf(scores.map(v => v / Math.sqrt(D))).p, b, h, g, t);
        }
  },
  forward(x, y, s) {
    const data = new Float64Array(elementCount(y.shape)), v = x[s.tensors.v].data;
    this.each(x, s, (p, b, h, g, t) => p.forEach((w, j) => {
      for (let d = 0; d < s.D; ++d) data[s.y(b, h, t, d)] += w * v[s.v(b, g, j, d)];
    }));
    return data;
  },
  backward(x, y, dy, s) {
    const grads = x.map(input => new Float64Array(input.data.length)), {q, k, v} = s.tensors, {D} = s;
    this.each(x, s, (p, b, h, g, t) => {
      const dp = p.map((_, j) => {
        let sum = 0;
        for (let d = 0; d < D; ++d) sum += dy[s.y(b, h, t, d)] * x[v].data[s.v(b, g, j, d)];
        return sum;
      });
      const along = p.reduce((sum, w, j) => sum + w * dp[j], 0);
      p.forEach((w, j) => {
        const ds = (w * (dp[j] - along)) / Math.sqrt(D);
        for (let d = 0; d < D; ++d) {
          grads[q][s.q(b, h, t, d)] += ds * x[k].data[s.k(b, g, j, d)];
          grads[k][s.k(b, g, j, d)] += ds * x[q].data[s.q(b, h, t, d)];
          grads[v][s.v(b, g, j, d)] += w * dy[s.y(b, h, t, d)];
        }
      });
    });
    return grads;
  },
});
computations.causal_attention = attending(x => [separateHeads(x)]);
computations.causal_attention_packed = attending((x, y) => packedLayouts(x, y));

// y[i] = weight[ids[i]], plus a row of positions, which begin at 0, if there is a table of these before the ids.
computations.embedding = {
  rows(x) {
    const ids = x[x.length - 1], columns = x[0].shape[1], period = ids.shape[ids.shape.length - 1];
    return Array.from(ids.data, (id, r) => ({id, at: r % period, begin: r * columns, columns}));
  },
  forward(x, y) {
    const data = new Float64Array(elementCount(y.shape)), [weight, position] = x;
    for (const {id, at, begin, columns} of this.rows(x))
      for (let c = 0; c < columns; ++c)
        data[begin + c] = weight.data[id * columns + c] + (x.length > 2 ? position.data[at * columns + c] : 0);
    return data;
  },
  backward(x, y, dy) {
    const grads = x.slice(0, -1).map(table => new Float64Array(table.data.length));
    for (const {id, at, begin, columns} of this.rows(x))
      for (let c = 0; c < columns; ++c) {
        grads[0][id * columns + c] += dy[begin + c];
        if (grads[1]) grads[1][at * columns + c] += dy[begin + c];
      }
    return [...grads, null];
  },
};

// The mean of -log p[target] over the rows that have a target, and its gradient by the logits times dloss.
function crossEntropy(logits, targets, columns, dloss = 1) {
  const kept = targets.filter(id => id >= 0).length, dz = new Float64Array(logits.length);
  let loss = 0;
  targets.forEach((id, r) => {
    if (id < 0) return;
    const {p, logSum} = softmaxOf(logits.slice(r * columns, (r + 1) * columns));
    loss += (logSum - logits[r * columns + id]) / kept;
    p.forEach((w, j) => (dz[r * columns + j] = (dloss / kept) * (w - (j === id ? 1 : 0))));
  });
  return {loss: Float64Array.of(loss), dz};
}
computations.cross_entropy = {
  forward: ([logits, targets]) => crossEntropy(logits.data, targets.data, logits.shape[logits.shape.length - 1]).loss,
  backward:
      ([logits, targets], y,
       [dloss]) => [crossEntropy(logits.data, targets.data, logits.shape[logits.shape.length - 1], dloss).dz, null],
};
// The head, a layer with a weight [out, in], and the loss of its logits.
computations.linear_cross_entropy = {
  head([x, W]) {
    const [V, K] = W.shape;
    return {curve: null, strides: [0, 1, K], inputs: K, outputs: V};
  },
  logits([x, W, b], s) {
    return computations.linear.forward([x, W, b, null], {shape: [x.data.length / s.inputs, s.outputs]}, s);
  },
  forward(x) {
    const s = this.head(x);
    return crossEntropy(this.logits(x, s), x[3].data, s.outputs).loss;
  },
  backward(x, y, [dloss]) {
    const s = this.head(x), logits = this.logits(x, s), {dz} = crossEntropy(logits, x[3].data, s.outputs, dloss);
    const [dx, dW, db] =
        computations.linear.backward([x[0], x[1], x[2], null], {shape: [logits.length / s.outputs, s.outputs]}, dz, s);
    return [dx, dW, db, null];
  },
};
