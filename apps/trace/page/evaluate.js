// The forward and backward pass of a trace, computed anew in double precision.
//
// `computations` has an entry for each operation: forward(x, y, s) gives the elements of the result, and
// backward(x, y, dy, s) those of the gradient of each input, null for an input without one. x are the inputs, null where
// one is left out, and y is the result: {shape, data}; in the forward pass, y has only a shape. s is what the trace does not
// hold of an operation, such as whether an operand is transposed: settings(x, y, node) lists what the shapes allow, and the
// one that gives the recorded result is taken.

const computations = {};

// How far numbers are from the recorded ones, relative to the largest of these.
function distanceFrom(recorded, data) {
  let apart = 0, most = 0;
  recorded.forEach((r, i) => {
    if (data[i] === r) return;
    const off = Math.abs(data[i] - r);
    apart = Number.isNaN(off) ? Infinity : Math.max(apart, off);
  });
  for (const r of recorded)
    if (Number.isFinite(r)) most = Math.max(most, Math.abs(r));
  return apart === 0 ? 0 : apart / (most || 1);
}

// How far rounding in the type of the trace may take a value from one that is computed in double precision.
const evaluationTolerance = dtype => ({f64: 1e-9, f32: 1e-3}[dtype] || 0.1);

const recordedInputs = inputs =>
    inputs.map(tensor => tensor && {shape: tensor.shape, data: elementsFor(tensor, 'value')});

function settingOf({computation, node, inputs, y}) {
  if (!computation.settings) return undefined;
  const settings = computation.settings(inputs, y, node);
  if (settings.length === 1) return settings[0];
  const recorded = elementsFor(y, 'value'), x = recordedInputs(inputs);
  let best = {distance: Infinity};
  for (const setting of settings) {
    const data = computation.forward(x, {shape: y.shape}, setting);
    const distance = data.reduce((sum, v, i) => sum + (v === recorded[i] ? 0 : Math.abs(v - recorded[i])), 0);
    if (distance < best.distance) best = {distance, setting};
  }
  if (best.setting === undefined) throw new NoView(`This page cannot compute this form of ${node.op} anew.`);
  return best.setting;
}

function stepOf(node) {
  const computation = computations[node.op];
  if (!computation) throw new NoView(`This page cannot compute ${node.op} anew.`);
  if (!node.step) {
    const step = {node, computation, inputs: node.inputs.map(input => input && input.tensor), y: node.tensor};
    node.step = {...step, setting: settingOf(step)};
  }
  return node.step;
}

function forwardStep({computation, inputs, y, setting}, values) {
  const x = inputs.map(tensor => tensor && {shape: tensor.shape, data: values.get(tensor)});
  values.set(y, computation.forward(x, {shape: y.shape}, setting));
}

// The setting of a node (`partsOfNode`) that gives the recorded result. Throws NoView if none does.
function settingThatFits(n) {
  const {computation, setting} = stepOf(n.node);
  if (n.node.fits === undefined) {
    const computed = computation.forward(recordedInputs(n.x), {shape: n.y.shape}, setting);
    n.node.fits = distanceFrom(elementsFor(n.y, 'value'), computed) <= 0.02;
  }
  if (!n.node.fits) throw new NoView('No sum of its inputs gives the recorded result.');
  return setting;
}

// A trace that can be computed anew: {steps, values, result}, with the values of all tensors. Throws NoView if the trace lacks
// elements, has an operation without a computation, or holds another result than is computed from its leaves.
function evaluationOf(trace) {
  const steps = trace.nodes.map(stepOf), values = new Map();
  for (const tensor of steps.flatMap(step => step.inputs))
    if (tensor && !tensor.node) values.set(tensor, elementsFor(tensor, 'value'));
  for (const step of steps) {
    forwardStep(step, values);
    const recorded = step.y.elements('value');
    if (recorded && !(distanceFrom(recorded, values.get(step.y)) <= evaluationTolerance(step.y.dtype)))
      throw new NoView(`What this page computes for ${step.y.label} ${step.node.op} differs from the recorded value.`);
  }
  return {steps, values, result: steps[steps.length - 1].y};
}

// The result, summed over its elements: the loss of a model.
const lossIn = ({result}, values) => values.get(result).reduce((sum, v) => sum + v, 0);

// All values with other elements of one leaf. Only what depends on it is computed.
function valuesWith(evaluation, leaf, data) {
  const values = new Map(evaluation.values).set(leaf, data), changed = new Set([leaf]);
  for (const step of evaluation.steps) {
    if (!step.inputs.some(tensor => changed.has(tensor))) continue;
    forwardStep(step, values);
    changed.add(step.y);
  }
  return values;
}

// The gradients of all nodes and leaves: of the result, summed over its elements.
function gradientsOf({steps, result}, values) {
  const grads = new Map([[result, values.get(result).map(() => 1)]]);
  const add = (tensor, grad) => {
    const sum = grads.get(tensor);
    if (sum)
      grad.forEach((g, i) => (sum[i] += g));
    else
      grads.set(tensor, Float64Array.from(grad));
  };
  for (const {computation, inputs, y, setting} of [...steps].reverse()) {
    if (!grads.has(y)) continue;
    const x = inputs.map(tensor => tensor && {shape: tensor.shape, data: values.get(tensor)});
    const parts = computation.backward(x, {shape: y.shape, data: values.get(y)}, grads.get(y), setting);
    inputs.forEach((tensor, i) => tensor && tensor.kind !== 'constant' && parts[i] && add(tensor, parts[i]));
  }
  return grads;
}
