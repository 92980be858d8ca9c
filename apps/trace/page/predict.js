// Predict, then reveal: questions about the result of a step. Answers are kept while the page is open, and nowhere else.

const questionKinds = {
  none: 'nothing',
  shape: 'the shape',
  number: 'a number',
  sign: 'a sign',
  formula: 'the formula',
};
const numberTolerance = 0.05;  // of a typed number

// The element that is asked for: a large one, away from the edges, so that its sign and size can be found.
function askedElement(elements) {
  const sizes = [...elements].map(Math.abs).filter(Number.isFinite).sort((a, b) => a - b);
  const wanted = sizes[Math.floor(0.8 * sizes.length)];
  return elements.findIndex(v => Math.abs(v) === wanted);
}

// The formulas to choose from, in an order that does not give the answer away: that of their text.
function formulaChoices(trace, node, member) {
  const others = [...new Set(trace.nodes.map(other => other[member]))].filter(text => text !== node[member]);
  const at = Math.max(0, trace.nodes.indexOf(node) % (others.length || 1));
  const three = range(Math.min(3, others.length)).map(k => others[(at + k) % others.length]);
  return [node[member], ...three].sort();
}

// A question about a node or leaf, or null: {text, hint, choices (if it is not to be typed), answer (as text), isRight(input)}.
// `what` is value or grad.
function questionAbout(trace, owner, what, kind) {
  const {tensor} = owner, of = what === 'grad' ? 'the gradient of ' : '';
  const elements = tensor.elements(what);
  if (kind === 'shape') {
    const answer = shapeText(tensor.shape), digits = text => (text.match(/\d+/g) || []).map(Number).join();
    const text = `What is the shape of ${of}${tensor.label}?`;
    return {
      text,
      hint: 'such as 8,16; nothing for a single number',
      answer,
      isRight: input => digits(input) === digits(answer)
    };
  }
  const choice = (text, choices, answer) => ({text, hint: '', choices, answer, isRight: input => input === answer});
  if (kind === 'formula') {
    if (owner.kind !== 'node') return null;
    const [asked, member] = what === 'grad' ? ['are the gradients of', 'gradient'] : ['is', 'formula'];
    return choice(
        `Which formula ${asked} ${owner.label} ${owner.op}?`, formulaChoices(trace, owner, member), owner[member]);
  }
  if (!elements || !elements.length) return null;
  const i = askedElement(elements), v = elements[i], name = `${of}${elementName(tensor.label, tensor.shape, i)}`;
  if (kind === 'sign') {
    const signs = {'-1': 'negative', 0: 'zero', 1: 'positive'};
    return choice(`What is the sign of ${name}?`, Object.values(signs), signs[Math.sign(v)]);
  }
  const isRight = input => input.trim() !== '' && Math.abs(Number(input) - v) <= numberTolerance * Math.abs(v);
  return {text: `What is ${name}?`, hint: 'a number, right within 5%', answer: numberText(v), isRight};
}

// The control that chooses what is asked, the tally, and ask(owner, what, reveal): an element with the question, or null if
// there is none or it was answered. reveal() is called afterwards.
function drawPredict(trace, changed) {
  const tally = {right: 0, wrong: 0, revealed: 0}, answered = new Set();
  const score = element('span', {role: 'status', class: 'tally'});
  const kindOf = element(
      'select', {'aria-label': 'Predict before a step shows', onchange: () => changed()},
      Object.entries(questionKinds).map(([kind, text]) => element('option', {value: kind}, text)));
  const count = result => {
    ++tally[result];
    score.textContent = Object.entries(tally).map(([name, n]) => `${n} ${name}`).join(', ');
  };

  function ask(owner, what, reveal) {
    const kind = kindOf.value;
    const question = kind in questionKinds && kind !== 'none' ? questionAbout(trace, owner, what, kind) : null;
    const key = `${kind} ${what} ${owner.tensor.id}`;
    if (!question || answered.has(key)) return null;
    const end = (result, ...text) => {
      answered.add(key);
      count(result);
      form.replaceChildren(
          element('p', {role: 'status', class: result}, ...text),
          element('button', {type: 'button', onclick: reveal}, 'Show the step'));
      form.querySelector('button').focus();
    };
    const choice = text => element(
        'label', {}, element('input', {type: 'radio', name: 'answer', value: text, required: true}),
        element('code', {}, text));
    const input = question.choices ?
        element('fieldset', {'aria-label': question.text}, question.choices.map(choice)) :
        element(
            'input',
            {type: 'text', name: 'answer', autocomplete: 'off', 'aria-label': `${question.text} ${question.hint}`});
    const form = element(
        'form', {
          class: 'question',
          onsubmit: event => {
            event.preventDefault();
            if (question.isRight(form.elements.answer.value))
              end('right', 'Right: ', element('code', {}, question.answer));
            else
              end('wrong', 'Wrong: it is ', element('code', {}, question.answer));
          }
        },
        element('p', {}, question.text, question.hint && element('span', {class: 'muted'}, ` (${question.hint})`)),
        input, element('button', {type: 'submit'}, 'Check'),
        element(
            'button', {type: 'button', onclick: () => end('revealed', 'It is ', element('code', {}, question.answer))},
            'Reveal'));
    return form;
  }
  const bar =
      element('div', {class: 'controls predict'}, element('label', {}, 'Before a step shows, predict ', kindOf), score);
  return {element: bar, ask};
}
