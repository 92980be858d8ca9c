// What all pages share: their data, elements and the theme.

const data = JSON.parse(document.getElementById('data').textContent);

// An element: attributes by name, listeners as functions (onclick), children as nodes or text.
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svgElement(tag, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function filled(e, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function')
      e.addEventListener(name.slice(2), value);
    else if (name === 'style')
      e.style.cssText = value;  // the attribute itself is against the page's policy
    else if (value !== false && value !== null && value !== undefined)
      e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return e;
}

// A button that switches between light and dark; the system's choice applies until it is pressed.
function themeButton() {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const button = element('button', {type: 'button', class: 'theme'});
  let chosen = null;
  const show = () => {
    const theme = chosen || (system.matches ? 'dark' : 'light');
    document.documentElement.dataset.theme = theme;
    button.textContent = theme === 'dark' ? 'Light colours' : 'Dark colours';
  };
  system.addEventListener('change', show);
  button.addEventListener('click', () => {
    chosen = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
    show();
  });
  show();
  return button;
}

// Pages without a script of their own have a place for it.
document.querySelector('#top')?.append(themeButton());
