// The sum that makes an element of a value or of a gradient.
//
// `operations` has an entry for each operation with such a view: value(n, i) for element i of the result, and
// grad(n, k, i) for what element i of the gradient of input k receives. n is {y, x, node}: tensors and the node. Both return
// {rule, terms}: the sum as a formula, and its terms {v, text, cells}, where cells are the elements that a term is made of.
// `letters` are the names of its inputs in formulas, if there is more than x.

const operations = {};

// Thrown where there is no view.
class NoView {
  constructor(why) { this.why = why; }
}

function elementsFor(tensor, what) {
  const elements = tensor.elements(what);
  if (elements) return elements;
  throw new NoView(`It needs the elements of ${what === 'grad' ? 'the gradient of ' : ''}${tensor.label}. ${
      withoutValues(tensor, what)}`);
}

// An element as part of a term. `v` is its number, or what a function makes of it.
const cellOf = (tensor, what, i) => ({tensor, what, i, v: elementsFor(tensor, what)[i]});
const valueCell = (tensor, i) => cellOf(tensor, 'value', i);
const gradCell = (n, i) => cellOf(n.y, 'grad', i);

const termOf = (v, text, ...cells) => ({v, text, cells});
// The product of cells and numbers.
function productOf(...factors) {
  const values = factors.map(f => (typeof f === 'number' ? f : f.v));
  return termOf(
      values.reduce((p, v) => p * v, 1), values.map(v => factorText(v)).join('*'),
      ...factors.filter(f => typeof f !== 'number'));
}
const oneOf = cell => termOf(cell.v, factorText(cell.v), cell);
const range = n => Array.from({length: n}, (_, i) => i);

// What is left of element i of an input or of the result, by the letters of the formula.
const nameOfValue = (letter, tensor, i) => elementName(letter, tensor.shape, i);

function operationOf(node) {
  const operation = operations[node.op];
  if (!operation) throw new NoView(`There is no view of the sums of ${node.op} yet.`);
  return operation;
}
// What the trace does not say of an operation, as its computation finds it.
const settingFor = ({node}) => stepOf(node).setting;
const partsOfNode = node => ({y: node.tensor, x: node.inputs.map(input => input && input.tensor), node});

// {rule, terms}, or {why} if there is no view.
function attempt(make) {
  try {
    return make();
  } catch (error) {
    if (error instanceof NoView) return {why: error.why};
    throw error;
  }
}

// How element i of a value or a gradient came about: {name, recorded, parts, total}. A part is {from, left, rule, terms}
// or {from, left, why}; `from` is a node, `left` the element by the letters of its formula. The total is null if
// a part is unknown, or nothing was recorded.
function explain(tensor, what, i) {
  const parts = what === 'value' ?
      [partOfValue(tensor, i)] :
      what === 'grad' ?
      partsOfGradient(tensor, i) :
      [{from: null, left: elementName(what, tensor.shape, i), ...attempt(() => partOfStep(tensor, what, i))}];
  const recorded = elementsFor(tensor, what)[i];
  const known = Number.isFinite(recorded) && parts.every(part => part.terms);
  const total = known ? parts.reduce((sum, part) => sum + part.terms.reduce((s, term) => s + term.v, 0), 0) : null;
  const gradient = tensor.kind === 'leaf' ? `d${tensor.label}` : `d(${tensor.label})`;
  const letter = {value: tensor.label, grad: gradient}[what] || `${what} of ${tensor.label}`;
  const name = elementName(letter, tensor.shape, i);
  return {name, recorded, parts, total};
}

function partOfValue(tensor, i) {
  const {node} = tensor;
  if (!node)
    return {
      from: null,
      why: `${tensor.label} is ${tensor.kind === 'leaf' ? 'a leaf' : 'a constant'}: its value was given.`
    };
  return {
    from: node,
    left: nameOfValue('y', tensor, i),
    ...attempt(() => operationOf(node).value(partsOfNode(node), i))
  };
}

// The first step of AdamW, whose moments begin at 0. Only matrices decay.
function partOfStep(tensor, what, i) {
  const {learning_rate: lr, weight_decay, beta1, beta2, eps, clip_factor: clip} = tensor.step;
  const cell = source => cellOf(tensor, source, i), g = cell('grad'), clipped = clip * g.v;
  if (what === 'm')
    return {
      rule: '(1 - beta1) clip dw',
      terms: [termOf((1 - beta1) * clipped, `${numberText(1 - beta1)}*${numberText(clip)}*${factorText(g.v)}`, g)]
    };
  if (what === 'v')
    return {
      rule: '(1 - beta2) (clip dw)^2',
      terms:
          [termOf((1 - beta2) * clipped ** 2, `${numberText(1 - beta2)}*(${numberText(clip)}*${factorText(g.v)})^2`, g)]
    };
  const w = cell('value'), m = cell('m'), v = cell('v'), decay = tensor.shape.length > 1 ? weight_decay : 0;
  const mean = m.v / (1 - beta1), root = Math.sqrt(v.v / (1 - beta2)) + eps;
  return {
    rule: `w - lr decay w - lr (m / (1 - beta1)) / (sqrt(v / (1 - beta2)) + eps)`,
    terms: [
      oneOf(w), termOf(-lr * decay * w.v, `-${numberText(lr)}*${numberText(decay)}*${factorText(w.v)}`, w),
      termOf((-lr * mean) / root, `-${numberText(lr)}*${factorText(mean)}/${numberText(root)}`, m, v)
    ]
  };
}

// One part for each use of the tensor, as gradients of all uses add up.
function partsOfGradient(tensor, i) {
  const uses = tensor.readers.filter(({node, input}) => node.inputs[input].write !== 'none');
  if (!uses.length)
    return [{from: tensor.node || null, why: 'The backward pass begins here, with 1 for each element of the result.'}];
  return uses.map(({node, input}) => {
    const {letters = ['x']} = operations[node.op] || {};
    return {
      from: node,
      left: nameOfValue(`d${letters[input] || 'x'}`, tensor, i),
      ...attempt(() => operationOf(node).grad(partsOfNode(node), input, i))
    };
  });
}
