// The screens: choosing, the attempt, the replay, and what comes after.
import { el, button, clock, when } from './dom.js';
import { page, ask, act, draw, drawnBy } from './page.js';
import { hands, help, pointers, knobs } from './hands.js';

const GUIDANCE = { ultrasound: 'By ultrasound', landmark: 'By landmarks' };
const PATIENTS = { man: 'Man', woman: 'Woman' };
const LAYERS = [['skin', 'Skin only'], ['glass', 'See through'], ['muscles', 'Muscles'], ['nerves', 'Nerves, vessels, bones']];
const VIEWS = [['posterior', 'Behind'], ['posterior-oblique-right', 'Behind, right'], ['posterior-oblique-left', 'Behind, left'], ['right', 'Right'], ['left', 'Left'], ['anterior', 'Front'], ['superior', 'Above']];

const choice = (name, value, label, small, checked) => el('label', { class: 'pick' },
  el('input', { type: 'radio', name, value, checked }), label, small && el('small', {}, small));

export function home() {
  const hello = page.hello || { procedures: [], open: [], ended: [], trainees: [] };
  const titles = Object.fromEntries(hello.procedures.map((p) => [p.key, p.title]));
  const lists = Object.entries(GUIDANCE).map(([kind, title]) => el('fieldset', {}, el('legend', {}, title),
    hello.procedures.filter((p) => p.guidance === kind).map((p) => choice('procedure', p.key, p.title,
      el('span', {}, p.status === 'investigational' && el('span', { class: 'badge investigational' }, 'investigational'), ` ${p.short.replace(' (investigational)', '')}`), p.key === 'gon-block-c2'))));
  const form = el('form', { onsubmit: (e) => { e.preventDefault(); begin(form); } },
    el('div', { class: 'two' }, el('div', {}, el('h2', {}, '1. What do you want to practise?'), el('p', {}), ...lists),
      el('div', {}, el('h2', {}, '2. How?'),
        el('fieldset', {}, el('legend', {}, 'Side of the patient'), el('div', { class: 'row' }, choice('side', 'right', 'Right', null, true), choice('side', 'left', 'Left'))),
        el('fieldset', {}, el('legend', {}, 'Patient'), el('div', { class: 'row' }, (hello.patients || ['man', 'woman']).map((p, i) => choice('patient', p, PATIENTS[p] || p, null, i === 0)))),
        el('fieldset', {}, el('legend', {}, 'Mode'), choice('mode', 'learn', 'Learn', 'Look inside, read hints, be shown the probe’s place.', true), choice('mode', 'exam', 'Examination', 'Skin and ultrasound only, as at the bedside.')),
        el('fieldset', {}, el('legend', {}, 'Your name (may stay empty)'), el('input', { type: 'text', name: 'trainee', maxLength: 80, autocomplete: 'off', 'aria-label': 'Your name, may stay empty' }),
          el('p', { class: 'quiet' }, 'Kept on this machine only; it can be erased at any time.')),
        el('button', { type: 'submit', class: 'main', style: 'width:100%;min-height:48px' }, 'Start'),
        hello.open.length > 0 && el('section', {}, el('h2', { style: 'margin-top:18px' }, 'Broken off'), el('ul', { class: 'list' }, hello.open.slice(0, 6).map((a) => el('li', {},
          el('span', {}, `${titles[a.procedure] || a.procedure}, ${a.side}, ${when(a.started)}`), button('Continue', () => { location.hash = `attempt=${a.id}`; ask({ do: 'resume', attempt: a.id }); }))))),
        hello.ended.some((a) => a.finished) && el('section', {}, el('h2', { style: 'margin-top:18px' }, 'Done before'), el('ul', { class: 'list' }, hello.ended.filter((a) => a.finished).slice(0, 8).map((a) => el('li', {},
          el('span', {}, `${titles[a.procedure] || a.procedure}, ${when(a.started)}: ${a.passed ? 'passed' : 'not passed'}${a.points == null ? '' : `, ${Math.round(a.points)} of 100`}`),
          el('a', { href: `debrief/${a.id}`, target: '_blank' }, 'Debrief'), button('Replay', () => ask({ do: 'replay', attempt: a.id })))))))));
  return el('main', { class: 'home' }, el('h1', {}, 'Inion: practise injections of the head and neck'),
    el('p', { class: 'quiet' }, 'A simulator for training. It gives no medical advice and is no medical device.'), form);
}

function begin(form) {
  const d = new FormData(form), chosen = page.hello.procedures.find((p) => p.key === d.get('procedure'));
  if (!chosen) return;
  ask({ do: 'begin', procedure: chosen.key, side: chosen.sides === 'both' ? 'both' : d.get('side'), patient: d.get('patient'), mode: d.get('mode'), trainee: d.get('trainee').trim() });
}

const sideBadge = (side) => el('span', { class: 'badge side' }, side === 'both' ? 'BOTH SIDES' : `PATIENT’S ${side.toUpperCase()}`);

function top(...more) {
  const p = page.procedure;
  return el('header', { class: 'top' }, el('h1', { style: 'font-size:18px' }, p.title), sideBadge(p.side),
    p.status === 'investigational' && el('span', { class: 'badge investigational', title: p.status_text }, 'investigational, not FDA-approved'), el('span', { class: 'grow' }), ...more,
    p.anatomy && el('p', { class: 'quiet whose' }, p.anatomy));
}

function steps() {
  const p = page.procedure;
  const list = el('ol', {}, p.steps.map((s) => el('li', { 'data-step': s.id }, button(s.text, () => act('go_to_step', { step: s.id })), s.hint && el('div', { class: 'hint off' }, s.hint))));
  const checks = el('fieldset', { style: 'border:0;margin:0;padding:0' }, el('legend', {}, el('h2', {}, 'Before the needle')),
    !['left', 'right'].includes(p.side) ? null : el('label', {}, 'Side treated: ', el('select', { id: 'side', onchange: (e) => e.target.value && act('choose_side', { side: e.target.value }) }, el('option', { value: '' }, 'choose'), el('option', { value: 'left' }, 'left'), el('option', { value: 'right' }, 'right'))),
    p.checklist.map((text, i) => el('label', {}, el('input', { type: 'checkbox', 'data-item': i, onchange: (e) => { if (e.target.checked) act('confirm', { item: i }); else e.target.checked = true; } }), text)));
  list.firstElementChild.after(el('li', { class: 'checks' }, checks));
  return el('section', { class: 'card steps', 'aria-label': 'Steps' }, el('div', { class: 'scroll' }, el('h2', {}, 'Steps'), list),
    el('div', { class: 'log', id: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': 'What happened', tabIndex: 0 }));
}

function view() {
  const exam = page.state.mode === 'exam' && page.state.phase === 'attempt';
  const tool = (name, text) => button(text, () => setTool(name), { 'data-tool': name, 'aria-pressed': String(page.tool === name) });
  return el('section', { class: 'card pane view', 'aria-label': '3-D view' },
    el('div', { class: 'bar' }, tool('view', 'Turn'), tool('cursor', 'Finger'), page.procedure.guidance === 'ultrasound' ? tool('probe', 'Probe') : null, tool('needle', 'Needle'), el('span', { class: 'grow', style: 'flex:1' }),
      el('label', {}, 'View', el('select', { id: 'camera', onchange: (e) => ask({ do: 'camera', view: e.target.value }) }, VIEWS.map(([v, t]) => el('option', { value: v }, t)))),
      exam ? null : el('label', {}, 'Show', el('select', { id: 'layer', onchange: (e) => ask({ do: 'camera', layer: e.target.value }) }, LAYERS.map(([v, t]) => el('option', { value: v, selected: v === page.state.layer }, t)))),
      page.rendering?.choice && button(drawnBy(), () => draw(page.rendering.by === 'device' ? 'server' : 'device'), { id: 'drawn', title: 'Whether this device or the server draws the 3-D view' })), el('div', { class: 'stage' }, viewCanvas()));
}

// Shows the server's pictures, or lies clear over what this device draws; takes the pointer in both cases.
export function viewCanvas() {
  const canvas = el('canvas', { id: 'view3d', tabIndex: 0, role: 'img', 'aria-label': 'Head and neck in three dimensions. Arrow keys move what is chosen above.' });
  pointers(canvas);
  return canvas;
}

export function setTool(name) {
  page.tool = name;
  document.querySelectorAll('[data-tool]').forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.tool === name)));
}

function scan() {
  const canvas = el('canvas', { id: 'scan2d', role: 'img', 'aria-label': 'Ultrasound image' });
  return el('section', { class: 'card pane scan', 'aria-label': 'Ultrasound' }, canvas, page.state.phase === 'attempt' ? knobs() : null);
}

export function attempt() {
  const screen = el('div', { class: 'screen' },
    top(el('span', { class: 'clock', id: 'clock' }, '0:00'), button('Help', help), button('Leave', () => { location.hash = ''; ask({ do: 'home' }); }), button('Finish', () => act('finish'), { class: 'main', id: 'finish' })),
    steps(), view(), page.procedure.guidance === 'ultrasound' ? scan() : null, hands());
  screen.classList.toggle('still', page.procedure.guidance !== 'ultrasound');
  page.paint = paint;
  setTimeout(() => { if (page.state.attempt) history.replaceState(null, '', `#attempt=${page.state.attempt}`); });
  return screen;
}

export function playback() {
  const r = page.replay, slider = el('input', { type: 'range', min: 0, max: r.seconds, step: 0.05, value: 0, 'aria-label': 'Moment of the replay', oninput: (e) => ask({ do: 'seek', at_s: Number(e.target.value) }) });
  const speed = el('select', { 'aria-label': 'Speed' }, [0.5, 1, 2, 4, 8].map((v) => el('option', { value: v, selected: v === 1 }, `${v}×`)));
  let going = null;
  const play = button('Play', () => { if (going) { clearInterval(going); going = null; play.textContent = 'Play'; return; }
    play.textContent = 'Pause'; let last = performance.now();
    going = setInterval(() => { const now = performance.now(); const at = Math.min(r.seconds, Number(slider.value) + ((now - last) / 1000) * Number(speed.value)); last = now; slider.value = at; ask({ do: 'seek', at_s: at });
      if (at >= r.seconds || !slider.isConnected) { clearInterval(going); going = null; play.textContent = 'Play'; } }, 60); });
  const screen = el('div', { class: 'screen' }, top(el('span', { class: 'clock', id: 'clock' }, '0:00'), button('Back', () => ask({ do: 'home' }))), steps(), view(), scan(),
    el('div', { class: 'card hands playback', style: 'display:flex' }, play, slider, speed));
  page.paint = paint;
  const log = screen.querySelector('#log');
  r.events.forEach(([at, , text]) => log.append(el('p', {}, button(`${clock(at)}  ${text}`, () => { slider.value = at; ask({ do: 'seek', at_s: at }); }, { style: 'border:0;min-height:0;padding:0;background:none;text-align:left' }))));
  return screen;
}

export function after() {
  const id = page.state.attempt;
  location.hash = '';
  return el('main', { class: 'after' }, top(el('a', { href: `export/${id}.csv` }, 'CSV'), el('a', { href: `export/${id}.json` }, 'JSON'), el('a', { href: `export/${id}.xapi` }, 'xAPI'),
    button('Replay', () => ask({ do: 'replay', attempt: id })), button('New attempt', () => ask({ do: 'home' }), { class: 'main' })),
  el('iframe', { src: `debrief/${id}`, title: 'Debrief' }));
}

// What changes with every answer.
function paint(answer) {
  const s = page.state;
  const set = (id, text) => { const node = document.getElementById(id); if (node && node.textContent !== text) node.textContent = text; };
  set('clock', clock(s.clock_s));
  const now = s.step || (page.procedure.steps.find((one) => !s.done.includes(one.id)) || page.procedure.steps[0]).id;
  document.querySelectorAll('[data-step]').forEach((li) => { const on = li.dataset.step === now; li.classList.toggle('now', on); li.classList.toggle('done', s.done.includes(li.dataset.step)); li.querySelector('.hint')?.classList.toggle('off', !on); if (on) li.setAttribute('aria-current', 'step'); else li.removeAttribute('aria-current'); });
  document.querySelectorAll('[data-item]').forEach((box) => { box.checked = s.confirmed.includes(Number(box.dataset.item)); });
  const side = document.getElementById('side');
  if (side && document.activeElement !== side) side.value = s.side || '';
  if (s.phase === 'attempt') {
    const log = document.getElementById('log');
    for (const e of answer.events || []) if (e.text) log.append(el('p', { class: e.severity }, `${clock(e.at_s)}  ${e.text}`));
    while (log.childElementCount > 80) log.firstElementChild.remove();
    if (answer.events?.length) log.scrollTop = log.scrollHeight;
  }
  set('tell-probe', s.probe ? `pressed ${s.probe.press_mm.toFixed(1)} mm` : 'off the skin');
  const n = s.needle;
  set('tell-needle', n ? `${n.depth_mm.toFixed(1)} mm deep${n.steep_deg === undefined ? '' : `, ${Math.round(n.steep_deg)}° steep, ${Math.round(n.off_plane_deg)}° off plane`}${n.in ? `, in ${n.in}` : ''}` : 'not placed');
  set('tell-given', `${s.given_ml.toFixed(2)} mL given${page.procedure.units_per_ml ? ` (${Math.round(s.given_ml * page.procedure.units_per_ml)} U)` : ''}${page.procedure.sites.length ? `, ${s.done_at.length} of ${page.procedure.sites.length} sites` : ''}`);
  for (const [name, value] of Object.entries(s.knobs)) { const k = document.querySelector(`[data-knob="${name}"]`); if (k && document.activeElement !== k) { k.value = value; } const out = document.getElementById(`out-${name}`); if (out) out.textContent = out.dataset.unit === 'mm' ? `${Math.round(value)} mm` : `${Math.round(value * 10) / 10} ${out.dataset.unit}`; }
  if (!('scan' in answer)) return null;
  nameEnds();
  return drawScan(answer.scan);
}

// The ends of the probe by what lies there in the patient.
function nameEnds() {
  const end = document.getElementById('end'), ends = page.round.ends, right = page.procedure.side !== 'left';
  if (!end || !ends) return;
  const names = ['L', 'R'].includes(ends[0]) ? [right ? 'medial end' : 'lateral end', right ? 'lateral end' : 'medial end'] : ends;
  [...end.options].forEach((option, i) => { if (option.textContent !== names[i]) option.textContent = names[i]; });
}

async function drawScan(bytes) {
  const canvas = document.getElementById('scan2d');
  if (!canvas) return;
  const box = canvas.getBoundingClientRect(), dpr = Math.min(devicePixelRatio || 1, 2);
  const bitmap = bytes?.length ? await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' })) : null;
  const W = Math.max(120, Math.round(box.width * dpr)), H = Math.max(120, Math.round(box.height * dpr)), r = page.round;
  if (canvas.width !== W || canvas.height !== H) { canvas.width = W; canvas.height = H; }
  const c = canvas.getContext('2d', { alpha: false }); c.fillStyle = '#0c0f13'; c.fillRect(0, 0, W, H);
  const font = Math.round(13 * dpr); c.font = `${font}px system-ui, sans-serif`; c.fillStyle = '#c9d6e2'; c.textBaseline = 'middle';
  if (!bitmap) { c.textAlign = 'center'; c.fillText('The probe is off the skin.', W / 2, H / 2); page.scanShown = false; return; }
  const head = 24 * dpr, left = 10 * dpr, right = 46 * dpr, foot = 8 * dpr, scale = Math.min((W - left - right) / r.width_mm, (H - head - foot) / r.depth_mm);
  const w = r.width_mm * scale, h = r.depth_mm * scale, x = Math.round((W - left - right - w) / 2 + left), y = Math.round(head);
  c.drawImage(bitmap, x, y, w, h); bitmap.close();
  c.textAlign = 'left'; c.fillText(r.ends[0], x, head / 2); c.textAlign = 'right'; c.fillText(r.ends[1], x + w, head / 2);
  const beside = c.measureText(r.ends[r.marker === 'left' ? 0 : 1]).width + 12 * dpr;
  c.fillStyle = '#f2a900'; c.beginPath(); c.arc(r.marker === 'left' ? x + beside : x + w - beside, head / 2, 5 * dpr, 0, 7); c.fill();
  c.strokeStyle = '#8fa3b5'; c.fillStyle = '#c9d6e2'; c.textAlign = 'left'; c.lineWidth = dpr; c.beginPath();
  for (let d = 0; d <= r.depth_mm + 0.01; d += 5) { const at = y + d * scale; c.moveTo(x + w + 3 * dpr, at); c.lineTo(x + w + (d % 10 ? 6 : 10) * dpr, at); if (d % 10 === 0 && d > 0) c.fillText(`${d / 10}`, x + w + 14 * dpr, at); }
  c.stroke(); c.fillText('cm', x + w + 14 * dpr, y + 2 * dpr);
  c.fillStyle = '#f2a900'; for (const f of r.focus_mm) { const at = y + f * scale; c.beginPath(); c.moveTo(x + w + 30 * dpr, at); c.lineTo(x + w + 40 * dpr, at - 5 * dpr); c.lineTo(x + w + 40 * dpr, at + 5 * dpr); c.fill(); }
  page.scanShown = true;
}
