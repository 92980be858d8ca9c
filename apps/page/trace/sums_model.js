// Operations of models: embedding, gated activation, and the head with its loss.

operations.embedding = {
  letters: ['weight', 'position'],
  value(n, i) {
    const {ids, columns, period, position} = lookup(n), r = Math.floor(i / columns), c = i % columns;
    const terms = [oneOf(valueCell(n.x[0], ids[r] * columns + c))];
    if (position) terms.push(oneOf(valueCell(position, (r % period) * columns + c)));
    return {rule: `weight[${ids[r]},${c}]${position ? ` + position[${r % period},${c}]` : ''}`, terms};
  },
  grad(n, input, i) {
    const {ids, columns, period} = lookup(n), row = Math.floor(i / columns), c = i % columns;
    const rows = range(ids.length).filter(r => (input === 0 ? ids[r] : r % period) === row);
    if (!rows.length) return {rule: '0, as no position of the text reads this row', terms: [termOf(0, '0')]};
    return {
      rule: `sum of dy[r,${c}] over the rows r that read row ${row}`,
      terms: rows.map(r => oneOf(gradCell(n, r * columns + c)))
    };
  },
};
// The ids are the last input; a table of positions may come before them.
function lookup(n) {
  const tokens = n.x[n.x.length - 1], {shape} = tokens;
  return {
    ids: elementsFor(tokens, 'value'),
    columns: n.x[0].shape[1],
    period: shape[shape.length - 1],
    position: n.x.length > 2 ? n.x[1] : null
  };
}

// y = silu(gate) up, where gate and up are two tensors, or the halves of each row of one.
function gateAndUp(n, i) {
  if (n.x.length > 1) return {gate: valueCell(n.x[0], i), up: valueCell(n.x[1], i)};
  const columns = n.y.shape[n.y.shape.length - 1], at = i + Math.floor(i / columns) * columns;
  return {gate: valueCell(n.x[0], at), up: valueCell(n.x[0], at + columns)};
}
operations.swiglu = {
  letters: ['gate', 'up'],
  value(n, i) {
    const {gate, up} = gateAndUp(n, i);
    return {
      rule: 'silu(gate) up',
      terms: [termOf(activations.silu.f(gate.v) * up.v, `silu(${numberText(gate.v)})*${factorText(up.v)}`, gate, up)]
    };
  },
  grad(n, input, i) {
    const columns = n.y.shape[n.y.shape.length - 1], packed = n.x.length === 1;
    const ofGate = packed ? i % (2 * columns) < columns : input === 0;
    const j = packed ? Math.floor(i / (2 * columns)) * columns + (i % columns) : i;
    const {gate, up} = gateAndUp(n, j), dy = gradCell(n, j), {f, slope} = activations.silu;
    if (ofGate)
      return {
        rule: 'silu\'(gate) up dy',
        terms: [termOf(
            slope(gate.v) * up.v * dy.v, `silu'(${numberText(gate.v)})*${factorText(up.v)}*${factorText(dy.v)}`, gate,
            up, dy)]
      };
    return {
      rule: 'silu(gate) dy',
      terms: [termOf(f(gate.v) * dy.v, `silu(${numberText(gate.v)})*${factorText(dy.v)}`, gate, dy)]
    };
  },
};

// The head and its loss in one operation. Logits are in no trace; they are computed here from x, W and b, with the loss of
// each row and dz, the gradient of the logits.
function lossOf(n) {
  if (n.node.rows) return n.node.rows;
  const [x, W, b, targets] = n.x, columns = W.shape[1], vocabulary = W.shape[0];
  const xs = elementsFor(x, 'value'), ws = elementsFor(W, 'value'), bs = b && elementsFor(b, 'value');
  const dloss = n.y.grad ? elementsFor(n.y, 'grad')[0] : 0, ids = elementsFor(targets, 'value');
  n.node.rows = range(ids.length).map(r => {
    const z = range(vocabulary)
                  .map(
                      j => range(columns).reduce(
                          (sum, k) => sum + xs[r * columns + k] * ws[j * columns + k], bs ? bs[j] : 0));
    const most = z.reduce((m, v) => Math.max(m, v), -Infinity), powers = z.map(v => Math.exp(v - most));
    const total = powers.reduce((sum, p) => sum + p, 0);
    return {
      target: ids[r],
      loss: most + Math.log(total) - z[ids[r]],
      dz: powers.map((p, j) => (dloss / ids.length) * (p / total - (j === ids[r] ? 1 : 0)))
    };
  });
  return n.node.rows;
}
operations.linear_cross_entropy = {
  letters: ['x', 'W', 'b'],
  value(n) {
    const rows = lossOf(n), columns = n.x[1].shape[1];
    return {
      rule: 'sum_r (log sum_j exp(z[r,j]) - z[r,target]) / rows',
      terms: rows.map(
          (row, r) => termOf(
              row.loss / rows.length, `${factorText(row.loss)}/${rows.length}`,
              ...range(columns).flatMap(
                  k => [valueCell(n.x[0], r * columns + k), valueCell(n.x[1], row.target * columns + k)])))
    };
  },
  grad(n, input, i) {
    const rows = lossOf(n), columns = n.x[1].shape[1], row = Math.floor(i / columns), k = i % columns;
    const note = 'dz = (softmax(z) - 1 at the target) dy / rows';
    if (input === 0)
      return {
        rule: `sum_j dz[${row},j] W[j,${k}], ${note}`,
        terms: rows[row].dz.map((dz, j) => productOf(dz, valueCell(n.x[1], j * columns + k)))
      };
    if (input === 1)
      return {
        rule: `sum_r dz[r,${row}] x[r,${k}], ${note}`,
        terms: rows.map(({dz}, r) => productOf(dz[row], valueCell(n.x[0], r * columns + k)))
      };
    return {rule: `sum_r dz[r,${i}], ${note}`, terms: rows.map(({dz}) => termOf(dz[i], factorText(dz[i])))};
  },
};
