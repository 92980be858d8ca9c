// What is known of the selected node, leaf or scope.

// `actions`: select(what), open(trace, name) for a tape inside a node, and point(tensor, what, index, held) for an element.
function drawDetails(what, trace, actions) {
  const kinds = {node: nodeDetails, leaf: leafDetails, scope: scopeDetails};
  return kinds[what.kind](what, actions, trace);
}

const rowOf = (name, ...content) =>
    element('tr', {}, element('th', {scope: 'row'}, name), element('td', {}, ...content));

// A path that may be broken after each slash.
const brokenAtSlashes = path => path.split('/').map((part, i) => (i ? ['/', element('wbr'), part] : part)).flat();

// A name that selects what it stands for.
function linkTo(tensor, actions) {
  const target = tensor.node || tensor.leaf;
  return target ?
      element('button', {type: 'button', class: 'link', onclick: () => actions.select(target)}, tensor.label) :
      element('span', {}, tensor.label);
}

// The value or the gradient of a tensor: statistics, histogram and elements.
function tensorSection(tensor, what, heading, name, actions) {
  const summary = tensor[what];
  if (!summary) return [element('h3', {}, heading), element('p', {class: 'muted'}, withoutValues(tensor, what))];
  const grid = drawGrid(tensor, what, name, (i, held) => actions.point(tensor, what, i, held));
  return [
    element('h3', {}, heading), elementCount(tensor.shape) === 1 ? '' : drawSummary(summary, heading), grid.element
  ];
}

// What the backward pass of a node did to the gradient of an input.
const writtenTexts = {
  set: 'set',
  add: 'added to',
  give: 'dy passed on',
  none: 'none'
};

// A table with these headings and rows of cells; null stands for no row.
const listTable = (headings, rows) => element(
    'div', {class: 'wide'},
    element(
        'table', {class: 'list'}, element('tr', {}, headings.map(h => element('th', {scope: 'col'}, h))),
        rows.map(row => row && element('tr', {}, row.map(cell => element('td', {}, cell))))));

const inputsTable = (node, actions) =>
    listTable(['input', 'from', 'kind', 'shape', 'gradient'], node.inputs.map((input, i) => {
      if (!input) return null;
      const {tensor, write} = input;
      return [String(i), linkTo(tensor, actions), tensor.kind, shapeText(tensor.shape), writtenTexts[write]];
    }));

function savedTable(node) {
  if (!node.saved.length) return element('p', {class: 'muted'}, 'Nothing.');
  const fate = saved => (saved.freed_by < 0 ? 'kept' : `by the backward pass of #${saved.freed_by}`);
  return listTable(
      ['name', 'size', 'freed'], node.saved.map(saved => [saved.name, bytesText(saved.bytes), fate(saved)]));
}

// The launches of a node, in the order of time, with the fraction of the roof where the trace knows it.
function kernelsTable(launches) {
  if (!launches.length) return element('p', {class: 'muted'}, 'None.');
  const roof = launches.some(launch => launch.roof_percent !== undefined);
  const ofRoof = launch => (launch.roof_percent === undefined ? '' : numberText(launch.roof_percent, 2));
  return listTable(
      ['kernel', 'pass', 'ms', 'MFLOP', 'KB', ...(roof ? ['% of roofline'] : [])],
      launches.map(
          launch =>
              [`${launch.op} (${launch.rung})`, launch.phase, numberText(launch.ms, 3),
               numberText(1e3 * launch.gflop, 3), numberText(1e3 * launch.mb, 3), ...(roof ? [ofRoof(launch)] : [])]));
}

function nodeDetails(node, actions) {
  const readers = node.tensor.readers.map(reader => reader.node);
  const parts = [
    element('h2', {}, `${node.label} `, element('code', {}, node.op)),
    element(
        'table', {class: 'facts'}, node.scope && rowOf('part', element('code', {}, node.scope)),
        rowOf('formula', element('code', {}, node.formula)), rowOf('gradient', element('code', {}, node.gradient)),
        rowOf('defined in', element('code', {}, brokenAtSlashes(`${node.file}:${node.line}`))),
        rowOf('result', `${shapeText(node.shape)} ${node.dtype}`),
        rowOf(
            'read by',
            ...(readers.length ? [...new Set(readers)].map(r => [linkTo(r.tensor, actions), ' ']).flat() :
                                 ['no node']))),
    element('h3', {}, 'Inputs'),
    inputsTable(node, actions),
    element('h3', {}, 'Saved for the backward pass'),
    savedTable(node),
    element('h3', {}, 'Kernels'),
    kernelsTable(node.launches || []),
    ...tensorSection(node.tensor, 'value', 'Value', 'y', actions),
    ...tensorSection(node.tensor, 'grad', 'Gradient', 'dy', actions),
  ];
  if (node.inside)
    parts.splice(
        1, 0,
        element(
            'p', {}, 'Its backward pass records a tape of its own. ',
            element(
                'button', {type: 'button', onclick: () => actions.open(node.inside, node.label)}, 'Open that tape')));
  return parts;
}

function leafDetails(leaf, actions) {
  const {tensor} = leaf;
  return [
    element('h2', {}, leaf.name, ' ', element('span', {class: 'muted'}, 'leaf')),
    element(
        'table', {class: 'facts'}, rowOf('shape', `${shapeText(tensor.shape)} ${tensor.dtype}`),
        rowOf(
            'read by',
            ...leaf.consumers
                .map(
                    c =>
                        [linkTo(tensor.readers.find(r => r.node.id === c.node).node.tensor, actions),
                         ` as input ${c.input} `])
                .flat())),
    ...tensorSection(tensor, 'value', 'Value', leaf.name, actions),
    ...tensorSection(tensor, 'grad', 'Gradient', `d${leaf.name}`, actions),
    ...(leaf.m ? tensorSection(tensor, 'm', 'Moment m after the step', 'm', actions) : []),
    ...(leaf.v ? tensorSection(tensor, 'v', 'Moment v after the step', 'v', actions) : []),
    ...(leaf.updated ? tensorSection(tensor, 'updated', 'Value after the step', `new ${leaf.name}`, actions) : []),
  ];
}

function scopeDetails(scope, actions) {
  const saved = scope.nodes.reduce((sum, node) => sum + node.saved.reduce((s, field) => s + field.bytes, 0), 0);
  return [
    element('h2', {}, element('code', {}, scope.path)),
    element('p', {}, `${countText(scope.nodes.length, 'node')}, which save ${bytesText(saved)} for the backward pass.`),
    listTable(
        ['node', 'operation', 'shape', 'std', 'std of gradient'],
        scope.nodes.map(
            node =>
                [linkTo(node.tensor, actions), node.op, shapeText(node.shape), numberText(node.value.std),
                 node.grad ? numberText(node.grad.std) : 'none'])),
  ];
}
