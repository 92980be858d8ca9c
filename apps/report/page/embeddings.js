// Embeddings of tokens as points on a plane, and how much positions resemble each other.

function drawEmbeddings(run) {
  const row = run.embeddings, at = (plane, axis, i) => plane[axis]?.[i] ?? '';
  return [
    row.left_out > 0 && element('p', {class: 'muted'}, `The first ${row.tokens.length} tokens of the vocabulary; ${row.left_out} are left out.`),
    row.tsne.missing && element('p', {class: 'missing'}, `t-SNE is not shown: ${row.tsne.missing}.`), drawingsElement('embeddings', run),
    numbersElement(['kind', 'token', 'first component', 'second component', 't-SNE x', 't-SNE y'], () => row.tokens.map(
      (t, i) => [t.kind, tokenElement(t.text), at(row.pca, 'x', i), at(row.pca, 'y', i), at(row.tsne, 'x', i), at(row.tsne, 'y', i)]))
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
