// Embeddings of tokens as points on a plane, and how much positions resemble each other.

function planeElement(title, row, plane, xTitle, yTitle) {
  const groups = new Map();
  row.tokens.forEach((t, i) => {
    if (!groups.has(t.kind)) groups.set(t.kind, []);
    groups.get(t.kind).push({x: plane.x[i], y: plane.y[i], text: tokenText(t.text), token: t.text});
  });
  return pointsElement(title, [...groups].map(([name, points]) => ({name, points})), xTitle, yTitle);
}

function drawEmbeddings(run) {
  const row = run.embeddings, share = i => row.pca.explained[i] === undefined ? '' : `, ${percentText(row.pca.explained[i])} of the variance`;
  return [
    row.left_out > 0 && element('p', {class: 'muted'}, `The first ${row.tokens.length} tokens of the vocabulary; ${row.left_out} are left out.`),
    element('div', {class: 'charts'},
            planeElement('Principal components', row, row.pca, `first component${share(0)}`, `second component${share(1)}`),
            row.tsne.missing ? element('p', {class: 'missing'}, `Not shown: ${row.tsne.missing}.`) :
                               planeElement(`t-SNE, perplexity ${numberText(row.tsne.perplexity, 3)}, divergence ${numberText(row.tsne.divergence, 3)} nats`, row, row.tsne, 'no unit', 'no unit'))
  ];
}

function drawPositions(run) {
  const row = run.positions, names = row.positions.map(p => `position ${p}`);
  return [
    row.positions.length < row.of && element('p', {class: 'muted'}, `${row.positions.length} of ${row.of} positions.`),
    heatmapElement('Cosine of the vectors of two positions', {rows: names, columns: names, value: (r, c) => row.similarity[r][c],
                                                             text: v => v === null ? 'NaN' : numberText(v, 4), shade: v => v, signed: true})
  ];
}
