// Causal attention: y[t] = sum_s p[t,s] v[s], where p[t] is the softmax of the scores q[t] k[s] / sqrt(D) of s <= t.

// Where the elements of q, k, v and y are: functions of batch, head, position and dimension. Several heads of q may share one
// of k and v.
function separateHeads([q, k]) {
  const [B, H, T, D] = q.shape, [, G, S] = k.shape;
  const at = (heads, rows) => (b, h, t, d) => ((b * heads + h) * rows + t) * D + d;
  return {B, H, G, T, S, D, q: at(H, T), k: at(G, S), v: at(G, S), y: at(H, T), tensors: {q: 0, k: 1, v: 2}};
}
// One tensor [B, T, q | k | v] with heads of size D.
function packedHeads([qkv], y, D) {
  const [B, T, width] = qkv.shape, C = y.shape[2], shared = (width - C) / 2;
  const at = (size, first) => (b, h, t, d) => (b * T + t) * size + first + h * D + d;
  return {
    B,
    H: C / D,
    G: shared / D,
    T,
    S: T,
    D,
    q: at(width, 0),
    k: at(width, C),
    v: at(width, C + shared),
    y: at(C, 0),
    tensors: {q: 0, k: 0, v: 0}
  };
}

// The layouts of a packed tensor that its shape allows: the number of heads is not in the trace.
function packedLayouts([qkv], y) {
  const C = y.shape[2], shared = (qkv.shape[2] - C) / 2;
  return range(C)
      .map(i => i + 1)
      .filter(D => C % D === 0 && shared % D === 0 && (C / D) % (shared / D) === 0)
      .map(D => packedHeads([qkv], y, D));
}

// The layout with its weights p[b][h][t][s]: of a packed tensor, the one that gives the recorded result.
function attentionOf(n) {
  if (n.x.length !== 1 && n.x.length !== 3)
    throw new NoView('There is no view of the sums of this form of attention yet.');
  if (!n.node.attention) {
    const layout = settingThatFits(n), p = range(layout.B).map(() => range(layout.H).map(() => []));
    computations[n.node.op].each(recordedInputs(n.x), layout, (weights, b, h, g, t) => (p[b][h][t] = [...weights]));
    n.node.attention = {...layout, p};
  }
  return n.node.attention;
}

// Which of q, k, v or y element i of a tensor is: {part, b, h, t, d}.
function placeOf(attention, parts, i) {
  const {B, D} = attention;
  for (const part of parts) {
    const heads = part === 'q' || part === 'y' ? attention.H : attention.G;
    const rows = part === 'q' || part === 'y' ? attention.T : attention.S;
    for (let b = 0; b < B; ++b)
      for (let h = 0; h < heads; ++h)
        for (let t = 0; t < rows; ++t) {
          const d = i - attention[part](b, h, t, 0);
          if (d >= 0 && d < D) return {part, b, h, t, d};
        }
  }
  throw new NoView('The element is in no head.');
}

const headOfKeys = ({G, H}, h) => Math.floor((h * G) / H);
const headsOf = ({G, H}, g) => range(H / G).map(k => g * (H / G) + k);

function attentionTerms(n, attention, i) {
  const {b, h, t, d} = placeOf(attention, ['y'], i), g = headOfKeys(attention, h), v = n.x[attention.tensors.v];
  return attention.p[b][h][t].map((p, s) => productOf(p, valueCell(v, attention.v(b, g, s, d))));
}

// The gradients of the scores of query t, over sqrt(D): p (dp - sum p dp), where dp[s] = dy v[s].
function scoreGradients(n, attention, b, h, t) {
  const g = headOfKeys(attention, h), dy = elementsFor(n.y, 'grad'), v = elementsFor(n.x[attention.tensors.v], 'value');
  const p = attention.p[b][h][t], {D} = attention;
  const dp =
      p.map((_, s) => range(D).reduce((sum, d) => sum + dy[attention.y(b, h, t, d)] * v[attention.v(b, g, s, d)], 0));
  const mean = p.reduce((sum, w, s) => sum + w * dp[s], 0);
  return p.map((w, s) => (w * (dp[s] - mean)) / Math.sqrt(D));
}

const attentionView = {
  letters: ['q', 'k', 'v'],
  value(n, i) {
    const attention = attentionOf(n), {h, t, d} = placeOf(attention, ['y'], i);
    return {
      rule: `sum_s p[${t},s] v[s,${d}] in head ${h}, p = softmax(q k / sqrt(D))`,
      terms: attentionTerms(n, attention, i)
    };
  },
  grad(n, input, i) {
    const attention = attentionOf(n), parts = ['q', 'k', 'v'].filter(part => attention.tensors[part] === input);
    const {part, b, h, t, d} = placeOf(attention, parts, i), {T, S, tensors, p} = attention;
    // Queries that attend to key t.
    const queries = range(T).filter(r => r + S - T >= t);
    if (part === 'v')
      return {
        rule: `dv: sum_t p[t,${t}] dy[t,${d}]`,
        terms:
            headsOf(attention, h)
                .flatMap(head => queries.map(r => productOf(p[b][head][r][t], gradCell(n, attention.y(b, head, r, d)))))
      };
    const note = 'ds = p (dy v - sum p dy v) / sqrt(D)';
    if (part === 'k')
      return {
        rule: `dk: sum_t ds[t,${t}] q[t,${d}], ${note}`,
        terms: headsOf(attention, h)
                   .flatMap(
                       head => queries.map(
                           r => productOf(
                               scoreGradients(n, attention, b, head, r)[t],
                               valueCell(n.x[tensors.q], attention.q(b, head, r, d)))))
      };
    const g = headOfKeys(attention, h);
    return {
      rule: `dq: sum_s ds[${t},s] k[s,${d}], ${note}`,
      terms: scoreGradients(n, attention, b, h, t)
                 .map((ds, s) => productOf(ds, valueCell(n.x[tensors.k], attention.k(b, g, s, d))))
    };
  },
};
operations.causal_attention = attentionView;
operations.causal_attention_packed = {
  ...attentionView,
  letters: ['qkv']
};
