// The steps of the patient page. Every word comes from the page's own data; nothing is stored, nothing is sent.
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const all = (what, within = document) => [...within.querySelectorAll(what)];
const root = document.documentElement;
const still = matchMedia('(prefers-reduced-motion: reduce)');
const SIZES = [20, 24, 28];
const KEYS = {
  ArrowLeft: () => stage.turn(TURN_DEG, 0), ArrowRight: () => stage.turn(-TURN_DEG, 0), ArrowUp: () => stage.turn(0, TURN_DEG),
  ArrowDown: () => stage.turn(0, -TURN_DEG), '+': () => stage.zoom(ZOOM), '-': () => stage.zoom(1 / ZOOM), 0: () => stage.home(),
};
const TOOLS = { needle: 'needle', site: 'site', probe: 'ultrasound', ultrasound: 'ultrasound_picture' };
const STEPS = { PageDown: 1, n: 1, N: 1, PageUp: -1, b: -1, B: -1 };
let language = data.languages[0], at = 0, size = 0, live = false, condition = data.condition, tapped = null;
const ui = () => data.ui[language];
const stage = new Stage(data, still.matches);
const voice = new Voice(() => tellVoice());

const article = () => all('.tongue:not([hidden]) .step')[at];
const title = () => article().querySelector('h2').textContent;
const parted = (key) => { const m = /^(.*)_(left|right)$/.exec(key); return m ? [m[1], m[2]] : [key, null]; };
const nameOf = (key) => (TOOLS[key] ? { name: ui()[TOOLS[key]], about: '' } : data.structures[language][parted(key)[0]]);
const place = () => `${ui().step} ${at + 1} ${ui().of} ${data.steps.length}`;

function sided(key) {
  const row = nameOf(key), side = parted(key)[1];
  return row && (side ? `${row.name} (${ui()[side]})` : row.name);
}

// A step as the head shows it, with the condition that is chosen and the names of this language.
function staged(step) {
  const shown = step.pains ? { ...step, ...step.pains[condition] } : step;
  return { ...shown, names: shown.names.map((row) => ({ ...row, text: nameOf(row.key)?.name ?? ui()[row.key] })) };
}

function go(to, first = false) {
  if (to < 0 || to >= data.steps.length || (to === at && !first)) return;
  voice.stop();
  hideCard();
  at = to;
  for (const tongue of all('.tongue')) all('.step', tongue).forEach((el, i) => el.classList.toggle('now', i === at));
  all('.dots button').forEach((dot, i) => {
    dot.classList.toggle('done', i < at);
    if (i === at) dot.setAttribute('aria-current', 'step'); else dot.removeAttribute('aria-current');
  });
  byId('back').setAttribute('aria-disabled', at === 0);
  byId('next').setAttribute('aria-disabled', at === data.steps.length - 1);
  byId('words').scrollTop = 0;
  tellStep(!first);
  if (live) stage.enter(staged(data.steps[at]), ui(), first);
  tellPlay();
}

function tellStep(aloud) {
  byId('count').textContent = place();
  byId('head').setAttribute('aria-label', article().dataset.seen);
  if (aloud) byId('told').textContent = `${place()}: ${title()}`;
}

function tellPlay() {
  const step = data.steps[at], moves = live && !stage.still && (step.pulse || step.needle === 'moves');
  byId('play').hidden = !moves;
  if (!moves) return;
  byId('play').querySelector('span').textContent = ui()[stage.playing ? 'pause' : 'play'];
  byId('play').dataset.playing = Boolean(stage.playing);
}

function tellVoice() {
  const has = Boolean(voice.of(language));
  for (const button of all('.say')) {
    button.hidden = !has;
    button.querySelector('span').textContent = ui()[voice.reading ? 'stop_reading' : 'read_aloud'];
    button.setAttribute('aria-pressed', voice.reading);
  }
  byId('no-voice').hidden = has || !voice.ready;
}

function readAloud(passages) {
  if (voice.reading) voice.stop(); else voice.read(passages, language);
}

function speak(to) {
  language = to;
  voice.stop();
  root.lang = to;
  document.title = data.titles[to];
  for (const el of all('[data-t]')) el.textContent = ui()[el.dataset.t];
  for (const el of all('[data-label]')) {
    el.setAttribute('aria-label', ui()[el.dataset.label]);
    if (el.title) el.title = ui()[el.dataset.label];
  }
  for (const tongue of all('.tongue')) tongue.hidden = tongue.lang !== to;
  byId('name').textContent = data.names[to];
  all('.dots button').forEach((dot, i) => dot.setAttribute('aria-label', all('.tongue:not([hidden]) .step h2')[i].textContent));
  byId('language').value = to;
  hideCard();
  tellStep(false);
  tellVoice();
  tellPlay();
  if (live) { stage.words = ui(); stage.name(staged(data.steps[at]).names); stage.follow(0.3); }
}

function showCard(key) {
  const row = nameOf(key);
  if (!row) return;
  tapped = key;
  byId('card-name').textContent = sided(key);
  byId('card-about').textContent = row.about;
  byId('card').hidden = false;
  byId('told').textContent = `${sided(key)}. ${row.about}`;
  if (!TOOLS[key]) stage.viewer?.highlight([key]);
  tellVoice();
}

function hideCard() {
  if (!tapped) return;
  tapped = null;
  voice.stop();
  byId('card').hidden = true;
  stage.viewer?.highlight(staged(data.steps[at]).highlight);
}

function showThings() {
  const keys = staged(data.steps[at]).things;
  byId('things-list').replaceChildren(...keys.map((key) => {
    const row = document.createElement('li'), button = document.createElement('button');
    button.type = 'button';
    button.textContent = sided(key);
    button.addEventListener('click', () => { byId('what').close(); showCard(key); byId('card-close').focus(); });
    row.append(button);
    return row;
  }));
  byId('what').showModal();
}

function showSource(keys) {
  const line = (text, look) => { const p = document.createElement('p'); p.textContent = text; if (look) p.className = look; return p; };
  byId('claims').replaceChildren(...keys.map((key) => {
    const claim = data.claims[language][key], box = document.createElement('div');
    box.className = 'claim';
    box.append(line(claim.statement), line(`${ui().evidence} ${ui()[claim.evidence]}`, 'soft'), ...claim.sources.map((row) => { const p = line(row); p.lang = 'en'; return p; }));
    return box;
  }));
  byId('source').showModal();
}

function choose(name) {
  condition = name;
  for (const button of all('.chips button')) button.setAttribute('aria-pressed', button.dataset.condition === name);
  for (const part of all('[data-of]')) part.classList.toggle('unchosen', part.dataset.of !== name);
  tellStep(false);
  if (live) stage.enter(staged(data.steps[at]), ui());
}

function press(event) {
  const button = event.target.closest('button');
  if (!button || button.getAttribute('aria-disabled') === 'true') return;
  const deeds = {
    next: () => go(at + 1), back: () => go(at - 1), larger: () => enlarge(), menu: () => byId('more').showModal(), print: () => { byId('more').close(); window.print(); },
    left: () => stage.turn(TURN_DEG * 2, 0), right: () => stage.turn(-TURN_DEG * 2, 0), nearer: () => stage.zoom(ZOOM), home: () => { hideCard(); stage.home(); },
    things: () => showThings(), 'card-close': () => { hideCard(); byId('head').focus(); }, 'card-say': () => readAloud([sided(tapped), nameOf(tapped).about].filter(Boolean)),
    play: () => { if (stage.playing) stage.pause(true); else stage.play(); tellPlay(); },
  };
  if (deeds[button.id]) deeds[button.id]();
  else if (button.dataset.go) go(Number(button.dataset.go));
  else if (button.dataset.claims) showSource(button.dataset.claims.split(' '));
  else if (button.dataset.condition) choose(button.dataset.condition);
  else if (button.classList.contains('say')) readAloud(all('[data-say]', article()).filter((el) => el.offsetParent).map((el) => el.textContent.trim()));
  else if (button.dataset.close !== undefined) button.closest('dialog').close();
}

function enlarge() {
  size = (size + 1) % SIZES.length;
  root.style.setProperty('--size', `${SIZES[size]}px`);
  if (live) stage.follow(0.5);
}

function keyed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (event.target.closest('input, select, textarea')) return;
  if (event.key === 'Escape') return hideCard();
  const vertical = event.key === 'ArrowUp' || event.key === 'ArrowDown';
  if (event.key in STEPS) go(at + STEPS[event.key]);
  else if (event.key in KEYS && live && !(vertical && event.target.closest('#words'))) KEYS[event.key]();
  else return;
  event.preventDefault();
}

function begin() {
  live = stage.start();
  root.classList.toggle('flat', !live);
  byId('no-webgl').hidden = live;
  if (live) stage.enter(staged(data.steps[at]), ui(), true);
  tellPlay();
  root.dataset.ready = live ? 'head' : 'flat';
}

root.classList.add('js');
stage.onpick = showCard;
stage.onplay = tellPlay;
document.addEventListener('click', press);
document.addEventListener('keydown', keyed);
byId('language').addEventListener('change', (event) => speak(event.target.value));
byId('clinic-name').addEventListener('input', (event) => { byId('clinic').textContent = event.target.value; });
still.addEventListener('change', () => { stage.still = still.matches; tellPlay(); });
speak(language);
go(0, true);
requestAnimationFrame(() => setTimeout(begin, 0));
window.inionPage = { go, stage, data, at: () => at };
