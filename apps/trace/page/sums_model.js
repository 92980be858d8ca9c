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

// y = silu(gate) up, where gate and up are the halves of each row.
const gateAndUp = (n, i) => halvesAt(n.y, i).map(at => valueCell(n.x[0], at));
operations.swiglu = {
  value(n, i) {
    const [gate, up] = gateAndUp(n, i);
    return {
      rule: 'silu(gate) up',
      terms: [termOf(activations.silu.f(gate.v) * up.v, `silu(${numberText(gate.v)})*${factorText(up.v)}`, gate, up)]
    };
  },
  grad(n, input, i) {
    const columns = n.y.shape[n.y.shape.length - 1], j = Math.floor(i / (2 * columns)) * columns + (i % columns);
    const [gate, up] = gateAndUp(n, j), dy = gradCell(n, j), {f, slope} = activations.silu;
    if (i % (2 * columns) < columns)
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
  const x = recordedInputs(n.x), {computation} = stepOf(n.node), head = computation.head(x), V = head.outputs;
  const logits = computation.logits(x, head), ids = x[3].data, dloss = n.y.grad ? elementsFor(n.y, 'grad')[0] : 0;
  n.node.rows = Array.from(ids, (target, r) => {
    const z = logits.slice(r * V, (r + 1) * V), {p, logSum} = softmaxOf(z);
    const dz = Array.from(p, (w, j) => (dloss / ids.length) * (w - (j === target ? 1 : 0)));
    return {target, loss: logSum - z[target], dz};
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
