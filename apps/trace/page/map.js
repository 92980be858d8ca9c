// The model as a folded map: scopes with the nodes in them, then leaves.

// The parts of a scope: "h.0.attn" is "h.0" and "attn", as a number belongs to the word before it.
function partsOf(scope) {
  const parts = [];
  for (const word of scope ? scope.split('.') : []) {
    if (/^\d+$/.test(word) && parts.length)
      parts[parts.length - 1] += `.${word}`;
    else
      parts.push(word);
  }
  return parts;
}

// The tree of scopes: {name, path, children, nodes}, in the order of the tape.
function scopeTree(nodes) {
  const root = {name: '', path: '', entries: [], scopes: new Map(), nodes: []};
  for (const node of nodes) {
    let scope = root;
    for (const part of partsOf(node.scope)) {
      if (!scope.scopes.has(part)) {
        const child =
            {name: part, path: scope.path ? `${scope.path}.${part}` : part, entries: [], scopes: new Map(), nodes: []};
        scope.scopes.set(part, child);
        scope.entries.push(child);
      }
      scope = scope.scopes.get(part);
      scope.nodes.push(node);
    }
    scope.entries.push(node);
  }
  root.nodes = nodes;
  return root;
}

// Draws the map; `select` is called with a node, a leaf or a scope.
function drawMap(trace, select) {
  const buttons = new Map();
  const folds = [];
  const choose = (what, text, title) => {
    const button = element('button', {type: 'button', class: 'entry', title, onclick: () => select(what)}, ...text);
    buttons.set(what, button);
    return button;
  };
  const ofNode = node =>
      element('li', {}, choose(node, [element('span', {class: 'number'}, node.label), ` ${node.op}`], node.formula));
  const ofScope = scope => {
    const summary = element(
        'summary', {onclick: () => select({kind: 'scope', path: scope.path, nodes: scope.nodes})}, scope.name,
        element('span', {class: 'muted'}, ` ${countText(scope.nodes.length, 'node')}`));
    const fold = element('details', {}, summary, element('ul', {}, scope.entries.map(entry)));
    folds.push({fold, summary, path: scope.path, nodes: new Set(scope.nodes)});
    return element('li', {}, fold);
  };
  const entry = e => (e.kind === 'node' ? ofNode(e) : ofScope(e));

  const tree = scopeTree(trace.nodes);
  const leaves = element(
      'details', {open: trace.leaves.length <= 12},
      element('summary', {}, 'Leaves', element('span', {class: 'muted'}, ` ${trace.leaves.length}`)),
      element(
          'ul', {},
          trace.leaves.map(
              leaf => element('li', {}, choose(leaf, [leaf.name], `leaf ${shapeText(leaf.tensor.shape)}`)))));
  const everything = element('ul', {class: 'tree'}, tree.entries.map(entry), element('li', {}, leaves));

  // Marks what is selected and unfolds the way to it.
  const mark = what => {
    for (const button of buttons.values()) button.removeAttribute('aria-current');
    for (const {fold, summary, path, nodes} of folds) {
      summary.toggleAttribute('data-selected', what.kind === 'scope' && what.path === path);
      if (what.kind === 'node' && nodes.has(what)) fold.open = true;
    }
    if (what.kind === 'leaf') leaves.open = true;
    const button = buttons.get(what);
    if (button) button.setAttribute('aria-current', 'true');
  };
  return {element: everything, mark};
}
