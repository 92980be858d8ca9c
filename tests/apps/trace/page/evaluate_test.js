// Compares the pass that the page computes anew with the engine's, element by element. Runs after the scripts of the page that
// need no browser; TRACES, a list of traces in f64, is defined before. Prints the largest distance of each trace, relative to
// the largest element of its tensor, and the number of elements compared.

const worst = TRACES.map(json => {
  const trace = readTrace(json), evaluation = evaluationOf(trace), {values} = evaluation;
  const grads = gradientsOf(evaluation, values), found = {distance: 0, elements: 0, place: ''};
  const compare = (tensor, what, computed) => {
    const recorded = tensor.elements(what);
    if (!recorded) throw new Error(`the trace has no elements of the ${what} of ${tensor.label}`);
    if (!computed) throw new Error(`no ${what} of ${tensor.label} was computed`);
    const distance = distanceFrom(recorded, computed);
    found.elements += recorded.length;
    if (distance > found.distance) Object.assign(found, {distance, place: `${what} of ${tensor.label}`});
  };
  for (const {tensor} of trace.nodes) {
    compare(tensor, 'value', values.get(tensor));
    compare(tensor, 'grad', grads.get(tensor));
  }
  for (const {tensor} of trace.leaves) compare(tensor, 'grad', grads.get(tensor));

  // Slopes of the loss agree with the gradients: the evaluator can move a leaf.
  for (const {tensor} of trace.leaves) {
    const at = Math.floor(values.get(tensor).length / 2), h = 1e-4;
    const moved = by => {
      const data = Float64Array.from(values.get(tensor));
      data[at] += by;
      return lossIn(evaluation, valuesWith(evaluation, tensor, data));
    };
    const slope = (moved(h) - moved(-h)) / (2 * h), grad = grads.get(tensor)[at];
    if (!(Math.abs(slope - grad) <= 1e-5 * Math.abs(grad) + 1e-6))
      throw new Error(`${tensor.label}[${at}] has the gradient ${grad}, but the slope ${slope}`);
  }
  return {...found, lossOff: json.loss === undefined ? 0 : Math.abs(lossIn(evaluation, values) - json.loss)};
});

// Where elements are missing, the reason says how to get them.
const cut = JSON.parse(JSON.stringify(TRACES[0])), missing = cut.leaves.find(leaf => leaf.shape.length === 2);
delete missing.value.data;
const {why} = attempt(() => evaluationOf(readTrace(cut)));
if (!why || !why.includes(missing.name) || !why.includes('--values='))
  throw new Error(`without the elements of ${missing.name}, the reason is ${why}`);

console.log(JSON.stringify(worst));
