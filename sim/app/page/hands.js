// The trainee's hands: buttons, keyboard, pointer, touch and gamepad. All of them end in the same few requests.
import { el, button } from './dom.js';
import { page, ask, act } from './page.js';
import { setTool } from './screens.js';

const slide = (along_mm, across_mm) => act('probe_slide', { along_mm, across_mm });
const turn = (how, deg) => act('probe_turn', { how, deg });
const aim = (pitch_deg, yaw_deg) => act('needle_aim', { pitch_deg, yaw_deg });
const here = (what, name) => ask({ do: 'here', what, ...(name ? { name } : {}) });
const sign = () => (page.state.side === 'left' || page.procedure?.side === 'left' ? -1 : 1);
// The marked end of the probe points to the patient's left: on the right side of the patient that is its medial end.
const endFor = () => { const lateral = page.procedure.needle_end === 'lateral'; return (sign() > 0) === lateral ? 'other' : 'marked'; };
const beside = () => act('needle_beside', { end: document.getElementById('end')?.value || endFor(), steep_deg: Number(document.getElementById('steep')?.value || 35) });
const amount = () => Number(document.getElementById('amount')?.value || 0.5);
const landmark = () => document.getElementById('landmark')?.value;

// `screen` moves are in the view's directions; the server walks the probe along its own axes, so the view from behind decides.
const KEYS = {
  q: () => turn('rotate', -2), e: () => turn('rotate', 2), r: () => turn('tilt', 2), f: () => turn('tilt', -2), t: () => turn('rock', 2), g: () => turn('rock', -2),
  ']': () => act('probe_press', { mm: 0.5 }), '[': () => act('probe_press', { mm: -0.5 }),
  w: (big) => act('needle_advance', { mm: big ? 5 : 1 }), s: (big) => act('needle_advance', { mm: big ? -5 : -1 }),
  a: () => act('aspirate'), i: () => act('inject', { ml: amount() }), n: beside, b: () => here('needle'), p: () => here('probe'), m: () => landmark() && here('mark', landmark()),
  1: () => setTool('view'), 2: () => setTool('cursor'), 3: () => setTool('probe'), 4: () => setTool('needle'), '?': () => help(),
};

function arrows(key, big) {
  const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
  if (page.tool === 'view') ask({ do: 'camera', azimuth_deg: x * (big ? 15 : 5), elevation_deg: y * (big ? 15 : 5) });
  else if (page.tool === 'cursor') ask({ do: 'cursor', right_mm: x * (big ? 10 : 2), up_mm: y * (big ? 10 : 2) });
  else if (page.tool === 'probe') slide(-x * (big ? 5 : 1), y * (big ? 5 : 1));
  else aim(y * 2, x * 2);
}

export function listen() {
  addEventListener('keydown', (e) => {
    if (page.state.phase !== 'attempt' || e.ctrlKey || e.altKey || e.metaKey || document.querySelector('dialog[open]')) return;
    const at = e.target, typing = /^(SELECT|TEXTAREA)$/.test(at.tagName) || (at.tagName === 'INPUT' && at.type !== 'checkbox');
    if (typing) return;
    if (e.key.startsWith('Arrow') && !at.closest('.scroll, .log')) { e.preventDefault(); arrows(e.key, e.shiftKey); return; }
    if (e.key === 'Enter' && page.tool === 'cursor' && at.tagName !== 'BUTTON') { here('palpate'); return; }
    const deed = KEYS[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (deed) { e.preventDefault(); deed(e.shiftKey); }
  });
}

export function pointers(canvas) {
  const down = new Map();
  let apart = 0;
  const place = (e) => { const b = canvas.getBoundingClientRect(); return { x: ((e.clientX - b.left) / b.width) * canvas.width, y: ((e.clientY - b.top) / b.height) * canvas.height }; };
  const point = (e) => { const { x, y } = place(e); ask({ do: 'point', tool: page.tool === 'probe' ? 'probe' : 'cursor', x, y }); };
  canvas.addEventListener('pointerdown', (e) => { canvas.setPointerCapture(e.pointerId); down.set(e.pointerId, e); canvas.focus({ preventScroll: true }); if (down.size === 1 && page.tool !== 'view' && e.button === 0 && page.tool !== 'needle') point(e); });
  canvas.addEventListener('pointermove', (e) => {
    const before = down.get(e.pointerId);
    if (!before) return;
    const dx = e.clientX - before.clientX, dy = e.clientY - before.clientY;
    down.set(e.pointerId, e);
    if (down.size === 2) { const [a, b] = [...down.values()], now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); if (apart) ask({ do: 'camera', zoom: Math.min(2, Math.max(0.5, now / apart)), right: dx / 2, up: -dy / 2 }); apart = now; return; }
    if (page.tool === 'view' || e.buttons & 2) ask(e.shiftKey || e.buttons & 4 ? { do: 'camera', right: dx, up: -dy } : { do: 'camera', azimuth_deg: dx * 0.5, elevation_deg: dy * 0.5 });
    else if (page.tool === 'needle') aim(-dy * 0.2, dx * 0.2);
    else point(e);
  });
  const up = (e) => { down.delete(e.pointerId); apart = 0; };
  canvas.addEventListener('pointerup', up); canvas.addEventListener('pointercancel', up);
  canvas.addEventListener('contextmenu', (e) => e.preventDefault());
  canvas.addEventListener('wheel', (e) => { e.preventDefault(); if (page.tool === 'needle') act('needle_advance', { mm: e.deltaY < 0 ? 0.5 : -0.5 }); else ask({ do: 'camera', zoom: e.deltaY < 0 ? 1.1 : 1 / 1.1 }); }, { passive: false });
}

export function knobs() {
  const p = page.procedure, send = (name) => (e) => act('knob', { name, value: Number(e.target.value) });
  const range = (name, text, min, max, step, unit) => el('label', {}, text, el('input', { type: 'range', min, max, step, 'data-knob': name, oninput: send(name) }), el('output', { id: `out-${name}`, 'data-unit': unit }));
  return el('div', { class: 'knobs' }, range('depth_mm', 'Depth', 20, 80, 5, 'mm'), range('gain_db', 'Gain', -20, 20, 1, 'dB'), range('focus_mm', 'Focus', 5, 60, 1, 'mm'),
    range('frequency_mhz', 'Frequency', p.frequency[0], p.frequency[1], 0.5, 'MHz'), range('dynamic_range_db', 'Contrast', 40, 90, 5, 'dB'),
    el('label', {}, 'Doppler', el('select', { 'data-knob': 'doppler', onchange: send('doppler') }, el('option', { value: 0 }, 'off'), el('option', { value: 1 }, 'colour'), el('option', { value: 2 }, 'power')), el('span')));
}

const key = (text, deed, hint, props = {}) => button(text, deed, { title: hint, 'aria-label': /^(in|out) /.test(text) ? hint : undefined, ...props });

export function hands() {
  const p = page.procedure, ultrasound = p.guidance === 'ultrasound', learn = page.state.mode === 'learn';
  const names = [...p.landmarks.map((l) => [l.name, l.text]), ...(p.sites.length ? p.sites.map((s) => [s.id, s.id]) : [])];
  const finger = el('section', { class: 'card hand finger', 'aria-label': 'Finger' }, el('h2', {}, 'Finger'), el('div', { class: 'keys' },
    key('Feel here', () => here('palpate'), 'Enter'), ultrasound ? key('Probe here', () => here('probe'), 'P') : null, key('Needle here', () => here('needle'), 'B'), key('Mark here', () => landmark() && here('mark', landmark()), 'M'),
    el('select', { id: 'landmark', class: 'wide', style: 'grid-column:1/-1', 'aria-label': 'What is marked' }, names.map(([v, t]) => el('option', { value: v }, `mark: ${t}`)))));
  const probe = el('section', { class: 'card hand', 'aria-label': 'Probe' }, el('h2', {}, 'Probe', el('span', { id: 'tell-probe' })), el('div', { class: 'keys' },
    key('◀ slide', () => slide(2, 0), 'toward the marked end'), key('slide ▶', () => slide(-2, 0), 'away from the marked end'), key('▲ slide', () => slide(0, 2), 'up'), key('▼ slide', () => slide(0, -2), 'down'),
    key('⟲ turn', () => turn('rotate', -2), 'Q'), key('turn ⟳', () => turn('rotate', 2), 'E'), key('tilt up', () => turn('tilt', 2), 'R'), key('tilt down', () => turn('tilt', -2), 'F'),
    key('◀ rock', () => turn('rock', 2), 'beam toward the marked end (T)'), key('rock ▶', () => turn('rock', -2), 'beam away from the marked end (G)'), key('press', () => act('probe_press', { mm: 0.5 }), ']'), key('let go', () => act('probe_press', { mm: -0.5 }), '['),
    learn && ultrasound ? key('Show me the place', () => act('probe_pose', { name: p.pose, side: p.side }), 'lays the probe where it belongs; counts as help', { class: 'wide' }) : null, key('Take off', () => act('probe_lift'), 'lift the probe', { class: 'wide' })));
  const needle = el('section', { class: 'card hand needle', 'aria-label': 'Needle' }, el('h2', {}, 'Needle', el('span', { id: 'tell-needle' })), el('div', { class: 'keys' },
    ultrasound ? key('Place beside the probe', beside, 'N', { class: 'wide' }) : key('Place at the finger', () => here('needle'), 'B', { class: 'wide' }),
    !ultrasound ? null : el('select', { id: 'end', 'aria-label': 'End of the probe' }, el('option', { value: 'marked', selected: ultrasound && endFor() === 'marked' }, sign() > 0 ? 'medial end' : 'lateral end'), el('option', { value: 'other', selected: !ultrasound || endFor() === 'other' }, sign() > 0 ? 'lateral end' : 'medial end')),
    !ultrasound ? null : el('select', { id: 'steep', 'aria-label': 'Steepness' }, [20, 25, 30, 35, 40, 45, 50, 60].map((d) => el('option', { value: d, selected: d === 35 }, `${d}°`))),
    key('Take out', () => act('needle_remove'), 'take the needle out'), el('span', { id: 'tell-given', class: 'quiet' }),
    key('in 1 mm', () => act('needle_advance', { mm: 1 }), 'advance 1 mm (W)'), key('in 5 mm', () => act('needle_advance', { mm: 5 }), 'advance 5 mm (Shift W)'), key('out 1 mm', () => act('needle_advance', { mm: -1 }), 'draw back 1 mm (S)'), key('out 5 mm', () => act('needle_advance', { mm: -5 }), 'draw back 5 mm (Shift S)'),
    key('steeper', () => aim(2, 0), 'arrow up'), key('flatter', () => aim(-2, 0), 'arrow down'),
    key('◀ swing', () => aim(0, -2), 'arrow left'), key('swing ▶', () => aim(0, 2), 'arrow right'), key('Aspirate', () => act('aspirate'), 'A'), key('Inject', () => act('inject', { ml: amount() }), 'I', { class: 'main' }),
    el('select', { id: 'amount', 'aria-label': 'Amount' }, (p.units_per_ml ? [0.1, 0.05, 0.2] : [0.5, 0.1, 0.25, 1, 2]).map((v) => el('option', { value: v }, `${v} mL`))),
    p.stimulate ? key('Stimulate', () => act('stimulate', { volt: 0.5 }), '0.5 V') : null));
  return el('div', { class: 'hands' }, finger, ultrasound ? probe : null, needle);
}

export function help() {
  const rows = [['1 2 3 4', 'choose what the arrows and the pointer move: view, finger, probe, needle'], ['arrows', 'move it; with Shift further'], ['Enter', 'feel at the finger'], ['M', 'mark the chosen landmark at the finger'], ['P', 'lay the probe at the finger'], ['Q E', 'turn the probe'], ['R F', 'tilt it'], ['T G', 'rock it'], ['[ ]', 'let go, press'],
    ['N', 'place the needle beside the probe'], ['B', 'place the needle at the finger'], ['W S', 'advance, draw back 1 mm; with Shift 5 mm'], ['A', 'aspirate'], ['I', 'inject the chosen amount'], ['Tab', 'go to the buttons, steps and knobs']];
  const box = el('dialog', { 'aria-label': 'Help' }, el('h2', {}, 'Keys'), el('table', {}, rows.map(([k, t]) => el('tr', {}, el('td', {}, k.split(' ').map((one) => [el('kbd', {}, one), ' ']).flat()), el('td', {}, t)))),
    el('p', { class: 'quiet' }, 'Pointer or finger: drag in the 3-D view to turn it, or to move the finger or the probe over the skin; two fingers or the wheel zoom. Gamepad: left stick slides, right stick turns and tilts, triggers press and let go, A advances, B draws back, X aspirates, Y injects.'),
    button('Close', () => box.close(), { class: 'main' }));
  document.body.append(box); box.showModal(); box.addEventListener('close', () => box.remove());
}

export function gamepad() {
  const held = {};
  const once = (pad, i, deed) => { const on = pad.buttons[i]?.pressed; if (on && !held[i]) deed(); held[i] = on; };
  const look = () => {
    const pad = [...(navigator.getGamepads?.() || [])].find(Boolean);
    if (pad && page.state.phase === 'attempt') {
      const [x, y, u, v] = pad.axes.map((a) => (Math.abs(a) > 0.2 ? a : 0));
      if (x || y) slide(-x * 1.5, -y * 1.5);
      if (u) turn('rotate', u * 2);
      if (v) turn('tilt', -v * 2);
      if (pad.buttons[7]?.value > 0.3) act('probe_press', { mm: 0.2 });
      if (pad.buttons[6]?.value > 0.3) act('probe_press', { mm: -0.2 });
      if (pad.buttons[0]?.pressed) act('needle_advance', { mm: 0.5 });
      if (pad.buttons[1]?.pressed) act('needle_advance', { mm: -0.5 });
      once(pad, 2, () => act('aspirate')); once(pad, 3, () => act('inject', { ml: amount() })); once(pad, 4, beside);
    }
    setTimeout(look, 60);
  };
  look();
}
