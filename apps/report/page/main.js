// The page: pictures of the chosen run, and of all runs where curves can be compared.

const pictures = [
  {id: 'losses', title: 'Losses', all: true, draw: drawLosses,
   about: 'Of training (one batch a point) and validation. Dashed lines: a model that knows nothing, bigrams counted in the training data, and the exact −log P of the text, below which no loss can be expected; of the whole validation split.'},
  {id: 'schedule', title: 'Learning rate, gradient norm, clip factor', all: true, draw: drawSchedule,
   about: 'What the optimizer did at each logged step. The clip factor multiplies the gradients; it follows from their norm and grad_clip.'},
  {id: 'depth', title: 'Gradients and updates by depth', draw: drawDepth,
   about: 'L2 norms by part of the model. An update of about a thousandth of the weights is usual; parts far from the others learn too slowly or are unstable.'},
  {id: 'texts', title: 'Texts before, during and after training', draw: drawTexts, about: 'Generated with the same seed.'},
  {id: 'decoding', title: 'One prompt, every decoding method', draw: drawDecoding,
   about: 'Log probabilities are the model\'s own; distinct: the fraction of tokens, and of pairs of tokens, that are not repetitions.'},
  {id: 'attention', title: 'Attention', draw: drawAttention,
   about: 'Computed from the queries, keys and log-sums that the fused operation saved in this pass. Induction: on random tokens that repeat, how much a head attends to the token after the earlier occurrence.'},
  {id: 'embeddings', title: 'Embeddings of tokens', draw: drawEmbeddings, about: 'Rows of the embedding matrix as points, coloured by the kind of token.'},
  {id: 'positions', title: 'Similarity of positions', draw: drawPositions, about: ''},
  {id: 'activations', title: 'Before and after the activation', draw: drawActivations, about: 'Elements of the inner layer of each MLP.'},
  {id: 'lens', title: 'Logit lens', draw: drawLens, about: 'The residual stream after each block, read by the model\'s own last norm and head.'},
  {id: 'gradient', title: 'Gradient lens', draw: drawGradient, about: 'Which tokens a step of gradient descent on this text would make likelier and less likely.'},
  {id: 'profile', title: 'Kernels', draw: drawProfile,
   about: 'The time of the kernels of a training step, and how close each comes to the roofline of the machine: the time that its arithmetic and its bytes take at least.'},
  {id: 'memory', title: 'Memory', draw: drawMemory, about: ''},
  {id: 'results', title: 'Results', draw: drawResults, about: 'Scores of a fine-tuned run, of a judge, and of the runs of a sweep.'},
  {id: 'about', title: 'Configuration, machine, command', draw: drawAbout, about: ''},
];

// Why a picture is not shown: the reason and a command of its row; null if it can be drawn.
function missingRow(picture, run) {
  if (run[picture.id] === undefined) return {missing: 'not in this report'};
  const rows = picture.all ? data.runs.map(r => r[picture.id]) : [run[picture.id]];
  return rows.every(row => row.missing !== undefined) ? run[picture.id] : null;
}

// The pictures that are not shown, in one line that opens: a reason that several share is given once.
function leftOutElement(left) {
  const shared = new Map();
  for (const {title, row} of left) {
    const key = `${row.missing}\n${row.command || ''}`;
    shared.set(key, {row, titles: [...(shared.get(key)?.titles ?? []), title]});
  }
  return element('details', {class: 'missing'}, element('summary', {}, `Not shown: ${left.map(l => l.title).join('; ')}`),
                 element('ul', {}, [...shared.values()].map(({row, titles}) => element('li', {}, `${titles.join('; ')}: ${row.missing}.`,
                   row.command && [' To see it: ', element('code', {}, row.command)]))));
}

function drawPictures(run) {
  const left = [], drawn = [];
  for (const p of pictures) {
    let row = missingRow(p, run), content;
    try {
      content = row || p.draw(run);
    } catch (error) {  // a file of another form than expected must not hide the other pictures
      row = {missing: error.message};
    }
    if (row)
      left.push({title: p.title, row});
    else
      drawn.push({...p, content});
  }
  document.querySelector('main').replaceChildren(...drawn.map(p =>
    element('section', {id: p.id, 'aria-labelledby': `title-${p.id}`}, element('h2', {id: `title-${p.id}`}, p.title),
            p.about && element('p', {class: 'about'}, p.about), p.content)), left.length > 0 ? leftOutElement(left) : '');
  document.querySelector('#links').replaceChildren(...drawn.map(p => element('a', {href: `#${p.id}`}, p.title)));
}

function runChoice() {
  if (data.runs.length < 2) return null;
  const choice = element('select', {}, data.runs.map((run, i) => element('option', {value: i}, run.name)));
  choice.addEventListener('change', () => drawPictures(data.runs[choice.value]));
  return element('label', {}, 'Run: ', choice);
}

document.body.append(
    element('header', {},
            element('div', {}, element('h1', {}, document.title),
                    element('p', {class: 'muted'}, `${countText(data.runs.length, 'run')}; hewn ${data.program}`)),
            themeButton()),
    element('nav', {'aria-label': 'Pictures'}, runChoice(), element('span', {id: 'links'})),
    element('main'));
drawPictures(data.runs[0]);
