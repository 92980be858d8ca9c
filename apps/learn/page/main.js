// The course: a list of chapters, and all of them one below the other.

document.body.append(
    element('nav', {'aria-label': 'Chapters'},
            element('div', {class: 'inside'}, element('h1', {}, 'Backpropagation'),
                    element('ul', {},
                            data.chapters.map(c => element('li', {}, element('a', {href: '#' + c.id}, c.title)))),
                    themeButton())),
    element('main', {}, data.chapters.map(chapter => {
      const section = element('section', {id: chapter.id});
      section.innerHTML = chapter.html;
      return section;
    })));
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
