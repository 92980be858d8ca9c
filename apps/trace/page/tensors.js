// The trace as objects that know each other: tensors, nodes, and who reads what.

// The elements of a summary, or null if the trace does not hold them.
function elementsOf(summary, dtype) {
  if (!summary || summary.data === undefined) return null;
  const bytes = Uint8Array.from(atob(summary.data), c => c.charCodeAt(0));
  if (dtype === 'f64') return new Float64Array(bytes.buffer);
  return Float64Array.from(/^(f|bf)/.test(dtype) ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer));
}

const elementCount = shape => shape.reduce((n, size) => n * size, 1);
const shapeText = shape => (shape.length ? `[${shape.join(', ')}]` : 'scalar');

// The coordinates of element i of a shape, and back.
function coordinatesOf(i, shape) {
  const at = [];
  for (let d = shape.length - 1; d >= 0; --d) {
    at.unshift(i % shape[d]);
    i = Math.floor(i / shape[d]);
  }
  return at;
}
const indexOf = (at, shape) => at.reduce((i, x, d) => i * shape[d] + x, 0);

// The element of an operand that element i of a result reads, if the operand was broadcast to the result.
function broadcastIndex(i, shape, operand) {
  const at = coordinatesOf(i, shape).slice(shape.length - operand.length);
  return indexOf(at.map((x, d) => (operand[d] === 1 ? 0 : x)), operand);
}

// Element i by name: "dW[3,7]"; a scalar has no brackets.
function elementName(letter, shape, i) {
  return shape.length === 0 ? letter : `${letter}[${coordinatesOf(i, shape).join(',')}]`;
}

// A value with its gradient. `kind` is node, leaf or constant; `label` is how the page calls it.
class TensorOfTrace {
  constructor(kind, id, label, {shape, dtype, value = null, grad = null, m, v, updated}) {
    Object.assign(this, {kind, id, label, shape: shape || [], dtype, value, grad, m, v, updated, readers: []});
  }
  // All elements of the value, the gradient, or of a leaf's m, v or updated value; or null.
  elements(what) {
    this.decoded = this.decoded || {};
    if (this.decoded[what] === undefined) this.decoded[what] = elementsOf(this[what], this.dtype);
    return this.decoded[what];
  }
}

// Why a trace does not hold the elements of a value or of a gradient.
function withoutValues(tensor, what) {
  if (tensor.kind === 'constant' && what === 'grad') return 'A constant has no gradient.';
  if (!tensor[what] && tensor.kind !== 'constant')
    return what === 'grad' ? 'No gradient arrived, or there is no derivative.' : 'The trace has no value of this leaf.';
  if (elementCount(tensor.shape) === 0) return 'It has no elements.';
  return `The trace holds no elements of a tensor of ${elementCount(tensor.shape)}; --values=${
      elementCount(tensor.shape)} keeps them.`;
}

// A constant has a name and elements, but no statistics.
function constantOf(input, node, i) {
  const {shape, dtype, data} = input, label = input.constant || '(constant)';
  return new TensorOfTrace('constant', `constant ${node.id} ${i}`, label, {shape, dtype, value: {data}});
}

// One tape. A node has `inputs`: {tensor, write}, or null for one that is left out; a tensor has `readers`:
// {node, input}, of which those that wrote to its gradient count as contributions.
function readTrace(json) {
  const leaves = json.leaves.map(
      leaf => Object.assign(
          {kind: 'leaf'}, leaf, {tensor: new TensorOfTrace('leaf', `leaf ${leaf.name}`, leaf.name, leaf)}));
  const leafNamed = new Map(leaves.map(leaf => [leaf.name, leaf]));
  const nodes = json.nodes.map(node => {
    const label = node.name ? `#${node.id} ${node.name}` : `#${node.id}`;
    return Object.assign(
        {kind: 'node'}, node, {label, tensor: new TensorOfTrace('node', `node ${node.id}`, label, node)});
  });
  for (const node of nodes) {
    node.tensor.node = node;
    node.inputs = node.inputs.map((input, i) => {
      let tensor = null;
      if (input.node !== undefined)
        tensor = nodes[input.node].tensor;
      else if (input.leaf !== undefined)
        tensor = leafNamed.get(input.leaf).tensor;
      else if (input.constant !== undefined)
        tensor = constantOf(input, node, i);
      if (!tensor) return null;
      if (tensor.value === null && tensor.kind !== 'constant')
        Object.assign(tensor, {shape: input.shape, dtype: input.dtype});
      tensor.readers.push({node, input: i});
      return {tensor, write: input.write || 'none'};
    });
  }
  for (const leaf of leaves) Object.assign(leaf.tensor, {leaf, step: json.update});
  return {nodes, leaves, leafNamed, events: json.memory, json};
}
