// Parts that several pictures consist of: texts of tokens, tables, colours of the theme.

// White space and control characters as signs, so that every token can be seen.
function tokenText(text) {
  return text === '' ? '∅' :
                       text.replace(/\n/g, '⏎').replace(/\t/g, '⇥').replace(/ /g, '␣').replace(
                           /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
                           c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const tokenElement = text => element('bdi', {class: 'token'}, tokenText(text));

const percentText = p => p === null || p === undefined ? 'NaN' : `${numberText(100 * p, 3)}%`;

// A table; numbers are aligned to the right. Columns are headings.
function tableElement(columns, rows) {
  const cell = value => element('td', {class: typeof value === 'number' ? 'number' : false},
                                typeof value === 'number' ? numberText(value, 5) : value ?? '');
  return element('div', {class: 'wide', tabindex: 0, role: 'region', 'aria-label': `Table: ${columns.join(', ')}`},
                 element('table', {class: 'list'},
                         element('thead', {}, element('tr', {}, columns.map(c => element('th', {scope: 'col'}, c)))),
                         element('tbody', {}, rows.map(row => element('tr', {}, row.map(cell))))));
}

// Names and values, without a heading.
function factsElement(facts) {
  return element('div', {class: 'wide'},
                 element('table', {class: 'list'},
                         facts.map(([name, value]) => element('tr', {}, element('th', {scope: 'row'}, name), element('td', {}, value)))));
}

// The program's drawings of a picture: of this run, or of all.
function drawingsElement(picture, run) {
  const found = [...document.querySelector('#drawings').content.querySelectorAll(`[data-picture=${picture}]`)];
  return element('div', {class: 'charts'},
                 found.filter(d => d.dataset.run === '' || data.runs[d.dataset.run] === run).map(d => d.cloneNode(true)));
}

// The numbers of a picture as a table that is built when it is opened.
function numbersElement(columns, rows) {
  const box = element('details', {}, element('summary', {}, 'Numbers'));
  box.addEventListener('toggle', () => {
    if (box.open && box.children.length === 1) box.append(tableElement(columns, rows()));
  });
  return box;
}

const themeColor = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The pictures whose colours are drawn, not styled: redrawn when the theme changes, if they are still in the page.
let painted = [];
function paint(box, draw) {
  painted.push({box, draw});
  draw();
}
new MutationObserver(() => {
  painted = painted.filter(p => p.box.isConnected);
  for (const p of painted) p.draw();
}).observe(document.documentElement, {attributes: true, attributeFilter: ['data-theme']});

// Little-endian 16-bit numbers in base64.
function sixteenBits(text) {
  const bytes = atob(text), values = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < values.length; ++i) values[i] = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
  return values;
}
