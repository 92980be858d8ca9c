// The controls of time.

// Buttons and a slider, then `follow` and more controls; `seek` is called with the new position.
function drawControls(trace, timeline, seek, follow, ...more) {
  let position = 0, timer = null;
  const go = to => seek(Math.max(0, Math.min(timeline.length, to)));
  const button = (text, name, action) => element(
      'button', {
        type: 'button',
        'aria-label': name,
        title: name,
        onclick: () => {
          pause();
          action();
        }
      },
      text);
  const play = element('button', {type: 'button', title: 'Play or pause (space)', onclick: () => toggle()}, 'Play');
  const slider = element('input', {
    type: 'range',
    min: 0,
    max: timeline.length,
    step: 1,
    'aria-label': 'Position in time',
    oninput: () => {
      pause();
      go(Number(slider.value));
    }
  });
  const caption = element('p', {class: 'caption', role: 'status'});

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = 'Play';
    caption.setAttribute('aria-live', 'polite');
  }
  function toggle() {
    if (timer) return pause();
    if (position === timeline.length) go(0);
    play.textContent = 'Pause';
    caption.setAttribute('aria-live', 'off');
    timer = setInterval(() => (position === timeline.length ? pause() : go(position + 1)), 700);
  }
  function show(to) {
    position = to;
    slider.value = to;
    const text = positionText(trace, to);
    slider.setAttribute('aria-valuetext', `event ${to} of ${timeline.length}. ${text}`);
    caption.replaceChildren(element('b', {}, `${to} / ${timeline.length} `), text);
  }
  // Keys of the whole page, unless the element with the focus uses them itself.
  function onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target.closest('button, summary, a');
    const ranged = event.target === slider;
    if (!ranged && event.target.closest('select, input:not([type=checkbox])')) return;
    if (event.key === ' ' && !own)
      toggle();
    else if (!ranged && event.key in moves) {
      pause();
      go(moves[event.key]());
    } else
      return;
    event.preventDefault();
  }
  const moves =
      {ArrowLeft: () => position - 1, ArrowRight: () => position + 1, Home: () => 0, End: () => timeline.length};
  const bar = element(
      'div', {class: 'controls', role: 'group', 'aria-label': 'Time'},
      button('|\u25c0', 'To the beginning (Home)', () => go(0)),
      button('\u25c0', 'One event back (left)', () => go(position - 1)), play,
      button('\u25b6', 'One event on (right)', () => go(position + 1)),
      button('\u25b6|', 'To the end (End)', () => go(timeline.length)), slider);
  return {
    element: element(
        'section', {class: 'time', 'aria-label': 'Position in time'}, bar, caption,
        element('label', {class: 'controls'}, follow, 'Select the node of each event'), ...more),
    show,
    onKey,
    pause
  };
}
