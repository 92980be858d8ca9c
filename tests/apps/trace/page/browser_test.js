// Uses the page of the lesson model as a reader would, and leaves what it found in the page. Runs in a browser, behind the
// scripts of the page; `problems` collects errors from before these. THEME is dark or light.

const checks = {};
const until = async condition => {
  for (let i = 0; i < 100 && !condition(); ++i) await new Promise(resolve => setTimeout(resolve, 10));
  return condition();
};
const press = key => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;

// The colour of an element's text and what is behind it, as [r, g, b].
const channels = text => text.match(/[\d.]+/g).map(Number);
function background(element) {
  for (let e = element; e; e = e.parentElement) {
    const [r, g, b, a = 1] = channels(getComputedStyle(e).backgroundColor);
    if (a > 0) return [r, g, b];
  }
  return [255, 255, 255];
}
function luminance(color) {
  const [r, g, b] = color.map(c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}
// The texts with too little contrast, "3.2 text", among all that are shown.
function faintTexts() {
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest('script, style, noscript, title') ||
        !element.getClientRects().length)
      continue;
    const style = getComputedStyle(element), isSvg = element instanceof SVGElement;
    const ratio = contrast(channels(isSvg ? style.fill : style.color).slice(0, 3), background(element));
    ++checks.texts;
    if (!(ratio >= 4.5)) faint.push(`${ratio.toFixed(2)} ${node.textContent.trim().slice(0, 30)}`);
  }
  // Numbers lie on cells that are coloured at most this much.
  const root = getComputedStyle(document.documentElement), probe = document.createElement('i');
  document.body.append(probe);
  const colorOf = name => {
    probe.style.color = root.getPropertyValue(name);
    return channels(getComputedStyle(probe).color).slice(0, 3);
  };
  for (const name of ['--positive', '--negative']) {
    const ground = colorOf('--ground'), cell = colorOf(name).map((c, i) => 0.45 * c + 0.55 * ground[i]);
    const ratio = contrast(colorOf('--text'), cell);
    if (!(ratio >= 4.5)) faint.push(`${ratio.toFixed(2)} numbers on ${name}`);
  }
  probe.remove();
  return faint;
}

// Controls without a name.
function nameless() {
  const controls = [...document.querySelectorAll('button, input, select, summary, a, [role], [tabindex="0"]')];
  const nameOf = e => e.getAttribute('aria-label') || (e.closest('label') || e).textContent.trim();
  return controls.filter(e => !nameOf(e)).map(e => e.outerHTML.slice(0, 80));
}

// Steps from the beginning to the end, and notes which nodes were selected in each pass.
function stepThrough() {
  const passes = {forward: new Set(), backward: new Set()}, leaves = new Set();
  press('Home');
  for (let i = 0; i < data.memory.length; ++i) {
    press('ArrowRight');
    const chosen = document.querySelector('[data-selected]:is(.cell, .leaf)');
    const name = chosen.querySelector('.name').textContent, {event} = data.memory[i];
    if (chosen.classList.contains('leaf'))
      leaves.add(name);
    else
      passes[event === 'recorded' ? 'forward' : 'backward'].add(name);
    if (!document.querySelector('.details h2')) problems.push(`event ${i} shows nothing`);
  }
  checks.forward = passes.forward.size;
  checks.backward = passes.backward.size;
  checks.leaves = leaves.size;
}

async function turnWeight() {
  const panel = document.querySelector('details.turn');
  panel.querySelector('summary').click();
  if (!await until(() => panel.querySelector('.turned'))) return problems.push('no weight to turn');
  const choose = (control, value, event) => {
    control.value = value;
    control.dispatchEvent(new Event(event, {bubbles: true}));
  };
  const select = panel.querySelector('select');
  const option = [...select.options].find(o => o.textContent === 'transformer.h.0.mlp.c_fc.weight');
  choose(select, option.value, 'change');
  const places = [...panel.querySelectorAll('.places input')];
  choose(places[0], 3, 'input');
  choose(places[1], 7, 'input');
  const numbersAt = position => {
    choose(panel.querySelector('input[type=range]'), position, 'input');
    return [...panel.querySelectorAll('[data-number]')].map(e => Number(e.dataset.number));
  };
  const recorded = data.leaves.find(leaf => leaf.name === option.textContent);
  const trace = readTrace(data), leaf = trace.leafNamed.get(recorded.name).tensor;
  checks.recordedSlope = leaf.elements('grad')[3 * leaf.shape[1] + 7];
  checks.turned = [120, 200, 290].map(position => {
    const [before, at, after] = [position - 1, position, position + 1].map(numbersAt);
    return {secant: (after[1] - before[1]) / (after[0] - before[0]), slope: at[2], loss: at[1]};
  });
}

// Where a leaf has no elements, the panel says how to get them.
async function turnNothing() {
  const bare = structuredClone(data);
  delete bare.leaves[0].value.data;
  const {element: panel} = drawTurn(readTrace(bare));
  document.body.append(panel);
  panel.open = true;
  const count = bare.leaves[0].shape.reduce((n, size) => n * size, 1);
  checks.explains = Boolean(await until(() => panel.textContent.includes(`--values=${count}`)));
  panel.remove();
}

function predictAndReveal() {
  const kind = document.querySelector('.predict select');
  const ask = value => {
    kind.value = value;
    kind.dispatchEvent(new Event('change', {bubbles: true}));
    return document.querySelector('.details .question');
  };
  const answer = (question, value) => {
    question.elements.answer.value = value;
    question.querySelector('[type=submit]').click();
  };
  const shows = () => document.querySelector('.details .grid') !== null;
  press('Home');
  press('ArrowRight');
  const [node] = data.nodes;
  const shape = ask('shape');
  checks.hidden = !shows();
  answer(shape, node.shape.join(' x '));
  checks.right = document.querySelector('.details .right') !== null;
  document.querySelector('.details .question button').click();
  checks.shown = shows();
  const formula = ask('formula');
  answer(formula, [...formula.elements.answer].find(radio => radio.value !== node.formula).value);
  checks.wrong = document.querySelector('.details .wrong') !== null;
  ask('sign').querySelector('[type=button]').click();
  answer(ask('number'), '');
  checks.tally = document.querySelector('.tally').textContent;
  ask('none');
}

async function networkIsForbidden() {
  let blocked = 0;
  document.addEventListener('securitypolicyviolation', () => ++blocked);
  await fetch('http://127.0.0.1:9/').catch(() => {});
  const image = new Image();
  image.src = 'http://127.0.0.1:9/a.png';
  await until(() => blocked >= 2);
  checks.blocked = blocked;
}

(async () => {
  checks.texts = 0;
  if (document.documentElement.dataset.theme !== THEME) document.querySelector('button.theme').click();
  checks.theme = document.documentElement.dataset.theme;
  checks.width = innerWidth;
  checks.resources = performance.getEntriesByType('resource').length;
  checks.overflow = overflow();
  stepThrough();
  await turnWeight();
  await turnNothing();
  checks.overflowTurned = overflow();
  predictAndReveal();
  press('End');
  for (const fold of document.querySelectorAll('details')) fold.open = true;
  checks.nameless = nameless();
  checks.faint = faintTexts();
  checks.overflowAtEnd = overflow();
  await networkIsForbidden();
})().catch(error => problems.push(String(error && error.stack || error)))
    .finally(() => {
      const found = JSON.stringify({...checks, problems}).replace(/[&<>]/g, '?');
      parent.document.body.append(element('pre', {id: 'found'}, found));
    });
