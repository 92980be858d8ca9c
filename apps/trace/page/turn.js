// Turning a weight: the loss against one element of a leaf, with the gradient as the tangent.

const curvePoints = 60;

// The curve around the recorded value of element i of a leaf: {at, loss(w), from, to, points}. All numbers are computed anew.
function curveOf(evaluation, leaf, i) {
  const recorded = evaluation.values.get(leaf), at = recorded[i];
  const valuesAt = w => {
    const data = Float64Array.from(recorded);
    data[i] = w;
    return valuesWith(evaluation, leaf, data);
  };
  const spread = Math.sqrt(recorded.reduce((s, v) => s + v * v, 0) / recorded.length);
  const reach = 2 * Math.max(Math.abs(at), spread) || 1;
  const loss = w => lossIn(evaluation, valuesAt(w));
  const points = range(curvePoints + 1).map(k => {
    const w = at - reach + (2 * reach * k) / curvePoints;
    return {w, loss: loss(w)};
  });
  // The gradient by this element when it is w.
  const slope = w => gradientsOf(evaluation, valuesAt(w)).get(leaf)[i];
  return {at, from: at - reach, to: at + reach, points, loss, slope};
}

// The curve as SVG; show(w, loss, slope) moves the point and its tangent.
function curveChart({at, from, to, points}, title) {
  const width = 400, height = 150, bottom = 1;
  const losses = points.map(point => point.loss).filter(Number.isFinite);
  const least = Math.min(...losses), most = Math.max(...losses), margin = 0.08 * (most - least) || 0.1;
  const x = w => ((w - from) / (to - from)) * width;
  const y = loss => (height - bottom) * (1 - (loss - least + margin) / (most - least + 2 * margin));
  const line = points.map(({w, loss}, i) => `${i ? 'L' : 'M'}${x(w).toFixed(2)} ${y(loss).toFixed(2)}`).join('');
  const tangent = svgElement('path', {class: 'tangent'}), dot = svgElement('circle', {class: 'dot', r: 5});
  const chart = svgElement(
      'svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title},
      svgElement('path', {class: 'recorded', d: `M${x(at)} 0V${height - bottom}`}),
      svgElement('path', {class: 'axis', d: `M0 ${height - bottom}H${width}`}),
      svgElement('path', {class: 'curve', d: line}), tangent, dot);
  const places = element('p', {class: 'ends muted'}, [from, at, to].map(w => element('span', {}, numberText(w, 3))));
  // A tangent of at most a quarter of the width to each side, clipped by the chart.
  const show = (w, loss, slope) => {
    const reach = (to - from) / 4;
    tangent.setAttribute('d', !Number.isFinite(slope) ? '' : `M${x(w - reach)} ${y(loss - slope * reach)}L${x(w + reach)} ${y(loss + slope * reach)}`);
    dot.setAttribute('cx', x(w));
    dot.setAttribute('cy', y(loss));
  };
  return {element: element('div', {}, chart, places), show};
}

// The controls of one element: chart, slider, numbers.
function turnedElement(evaluation, leaf, i) {
  const name = elementName(leaf.label, leaf.shape, i), curve = curveOf(evaluation, leaf, i);
  const chart = curveChart(curve, `The ${evaluation.name} against ${name}`),
        numbers = element('dl', {class: 'numbers'});
  const steps = 400;
  const slider = element('input', {type: 'range', min: 0, max: steps, step: 1, 'aria-label': `Value of ${name}`});
  const recordedSlope = leaf.elements('grad') && leaf.elements('grad')[i];
  const show = w => {
    const loss = curve.loss(w), slope = curve.slope(w);
    chart.show(w, loss, slope);
    slider.setAttribute(
        'aria-valuetext', `${numberText(w)}; ${evaluation.name} ${numberText(loss, 5)}, slope ${numberText(slope)}`);
    const rows = [['weight', w, curve.at], [evaluation.name, loss, evaluation.loss], ['slope', slope, recordedSlope]];
    numbers.replaceChildren(...rows.map(
        ([what, now, recorded]) => element(
            'div', {}, element('dt', {}, what), element('dd', {'data-number': now}, numberText(now, 6)),
            element('dd', {class: 'muted'}, recorded === null ? '' : `recorded ${numberText(recorded, 6)}`))));
  };
  const valueAt = position => curve.from + ((curve.to - curve.from) * position) / steps;
  slider.addEventListener('input', () => show(valueAt(Number(slider.value))));
  const reset = () => {
    slider.value = steps / 2;
    show(curve.at);
  };
  reset();
  return element(
      'div', {class: 'turned'}, chart.element, slider, numbers,
      element('button', {type: 'button', onclick: reset}, 'Back to the recorded value'));
}

// The panel, folded at first. Returns {element, choose(leaf, i)}; choose does nothing while it is folded.
function drawTurn(trace) {
  const body = element('div'), name = trace.json.expr === undefined ? 'loss' : 'result';
  const panel = element(
      'details', {class: 'turn'},
      element('summary', {}, element('h2', {}, `Turn a weight: the ${name}, computed anew`)), body);
  let evaluation = null, choose = () => {};

  function open() {
    if (evaluation || !panel.open) return;
    try {
      evaluation = evaluationOf(trace);
      Object.assign(evaluation, {name, loss: lossIn(evaluation, evaluation.values)});
    } catch (error) {
      if (!(error instanceof NoView)) throw error;
      body.replaceChildren(
          element('p', {}, `The ${name} can be computed anew where the page holds all elements. `, error.why));
      return;
    }
    drawControls();
  }
  function drawControls() {
    const leaves = trace.leaves.filter(leaf => evaluation.values.has(leaf.tensor)).map(leaf => leaf.tensor);
    const leafOf = element(
        'select', {'aria-label': 'Parameter'}, leaves.map((leaf, k) => element('option', {value: k}, leaf.label)));
    const places = element('span', {class: 'places'}), stage = element('div');
    const show = () => {
      const leaf = leaves[leafOf.value], at = [...places.children].map(input => Number(input.value));
      const inside = at.every((n, d) => Number.isInteger(n) && n >= 0 && n < leaf.shape[d]);
      stage.replaceChildren(
          inside ? turnedElement(evaluation, leaf, indexOf(at, leaf.shape)) :
                   element('p', {}, `${leaf.label} is ${shapeText(leaf.shape)}; places count from 0.`));
    };
    const showPlaces = i => {
      const leaf = leaves[leafOf.value];
      places.replaceChildren(...coordinatesOf(i, leaf.shape).map((n, d) => element('input', {
                                                                   type: 'number',
                                                                   min: 0,
                                                                   max: leaf.shape[d] - 1,
                                                                   value: n,
                                                                   'aria-label': `Place in dimension ${d}`,
                                                                   oninput: show
                                                                 })));
      show();
    };
    leafOf.addEventListener('change', () => showPlaces(0));
    choose = (leaf, i) => {
      if (!panel.open || !leaves.includes(leaf)) return;
      leafOf.value = leaves.indexOf(leaf);
      showPlaces(i);
    };
    body.replaceChildren(
        element(
            'p', {class: 'muted'},
            'Choose a weight here, or hold an element of a leaf with a click; the slider moves it. The slope ' +
                'of the straight line is the gradient.'),
        element('div', {class: 'controls'}, leafOf, places), stage);
    const first = leaves.findIndex(leaf => leaf.shape.length === 2 && leaf.label.includes('mlp'));
    leafOf.value = Math.max(first, 0);
    showPlaces(0);
  }
  panel.addEventListener('toggle', open);
  return {element: panel, choose: (leaf, i) => choose(leaf, i)};
}
