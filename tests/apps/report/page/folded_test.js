// Runs main.js, before which the test puts numbers.js and page.js, in a document of a few lines, and prints what the page
// shows as JSON: the sections, the links to them, and the text of what is left out.

class Element {
  constructor(tag) {
    this.tag = tag;
    this.attributes = {};
    this.children = [];
  }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener() {}
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  get all() { return [this, ...this.children.flatMap(c => c instanceof Element ? c.all : [])]; }
  get textContent() { return this.children.map(c => c instanceof Element ? c.textContent : c).join(''); }
}
globalThis.document = {
  title: 'Report',
  body: new Element('body'),
  getElementById: () => ({textContent: process.argv[2]}),
  createElement: tag => new Element(tag),
  querySelector: what => document.body.all.find(e => what === `#${e.attributes.id}` || what === e.tag),
};
globalThis.matchMedia = () => ({addEventListener() {}});
document.documentElement = {dataset: {}};

// Stand-ins for the pictures; that of the embeddings finds a form that it does not expect.
const picture = run => [new Element('canvas')];
const [drawLosses, drawSchedule, drawDepth, drawTexts, drawDecoding, drawAttention, drawPositions, drawActivations, drawLens,
       drawGradient, drawProfile, drawMemory, drawResults, drawAbout] = new Array(14).fill(picture);
const drawEmbeddings = run => run.embeddings.pca.x;

process.on('exit', () => {
  const shown = document.querySelector('main').all;
  console.log(JSON.stringify({
    sections: shown.filter(e => e.tag === 'section').map(e => e.attributes.id),
    links: document.querySelector('nav').all.filter(e => e.tag === 'a').map(e => e.attributes.href),
    left: shown.filter(e => e.tag === 'summary').map(e => e.textContent),
    reasons: shown.filter(e => e.tag === 'li').map(e => e.textContent),
  }));
});
