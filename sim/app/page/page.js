// The page's heart: it asks the server one request at a time and shows the answer. Words and numbers come from the server.
import { home, attempt, after, playback } from './screens.js';
import { listen, gamepad } from './hands.js';

export const page = {
  root: null, state: { phase: 'choose' }, procedure: null, hello: null, replay: null, tool: 'view',
  local: null, rendering: null, waiting: () => flying + showing + queue.length > 0, round: {}, stats: { waits: [], moments: [] }, ready: false,
};
window.inion = page;

const queue = [];
let flying = 0, showing = 0, shown = Promise.resolve(), lastMs = 50, shownPhase = '';

// Requests of the same kind that have not left yet are joined, so that a fast hand never waits for old pictures.
const SUMS = { camera: ['azimuth_deg', 'elevation_deg', 'right', 'up'], cursor: ['right_mm', 'up_mm'] };
const ACT_SUMS = { probe_slide: ['along_mm', 'across_mm'], probe_turn: ['deg'], needle_advance: ['mm'], needle_aim: ['pitch_deg', 'yaw_deg'], probe_press: ['mm'] };

function joined(last, next) {
  if (!last || last.do !== next.do) return false;
  if (next.do === 'point') { Object.assign(last, next); return last.tool === next.tool; }
  if (next.do === 'tick') return true;
  if (next.do === 'camera' && !next.view && !last.view && !next.layer && !last.layer) {
    for (const k of SUMS.camera) if (k in next) last[k] = (last[k] || 0) + next[k];
    if (next.zoom) last.zoom = (last.zoom || 1) * next.zoom;
    for (const k of ['width', 'height']) if (k in next) last[k] = next[k];
    return true;
  }
  if (next.do === 'cursor') { for (const k of SUMS.cursor) if (k in next) last[k] = (last[k] || 0) + next[k]; return true; }
  if (next.do === 'acts' && last.acts.length === 1 && next.acts.length === 1) {
    const a = last.acts[0], b = next.acts[0];
    if (a.kind === 'knob' && b.kind === 'knob' && a.name === b.name) { a.value = b.value; return true; }
    if (a.kind !== b.kind || a.how !== b.how || !(a.kind in ACT_SUMS)) return false;
    for (const k of ACT_SUMS[a.kind]) if (k in b) a[k] = (a[k] || 0) + b[k];
    return true;
  }
  return false;
}

export function ask(message) {
  const now = performance.now();
  for (const before of page.local?.first(message) || []) queue.push({ message: before, at: now });
  if (page.local?.does(message)) return;
  if (!joined(queue.at(-1)?.message, message)) queue.push({ message, at: now });
  pump();
}
export const act = (kind, values = {}) => ask({ do: 'acts', acts: [{ kind, ...values }] });

// Two requests may be under way: while the page shows one answer the server computes the next. Answers come in order.
async function pump() {
  while (queue.length && flying < 2) {
    const batch = queue.splice(0), first = batch[0].at, started = performance.now();
    flying += 1;
    const asked = window.trame.trigger('call', [batch.map((b) => b.message)]).catch(() => null);
    shown = shown.then(async () => {
      const answer = (await asked) || { error: 'The server does not answer. Reload the page; the attempt is kept.' };
      flying -= 1;
      pump();
      try { await show(answer); } catch (wrong) { console.error(wrong); }
      const now = performance.now();
      lastMs = now - started;
      if (batch.some((b) => b.message.do !== 'tick')) keep(page.stats.waits, now - first);
      keep(page.stats.moments, now);
    });
    showing += 1;
    shown = shown.then(() => { showing -= 1; });
  }
}

function keep(list, value) {
  list.push(value);
  if (list.length > 2000) list.splice(0, 1000);
}

async function picture(id, bytes) {
  const canvas = document.getElementById(id);
  if (!canvas) return;
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) { canvas.width = bitmap.width; canvas.height = bitmap.height; }
  canvas.getContext('2d', { alpha: false }).drawImage(bitmap, 0, 0);
  bitmap.close();
}

async function show(answer) {
  if (answer.hello) page.hello = answer.hello;
  if (answer.procedure) page.procedure = answer.procedure;
  if (answer.replay) page.replay = answer.replay;
  if (answer.state) page.state = answer.state;
  if (answer.rendering) await drawing(answer);
  if (answer.round) page.round = answer.round;
  const phase = page.state.phase;
  if (phase !== shownPhase || answer.procedure) { shownPhase = phase; layout(phase); }
  if (answer.drawn) drawn(answer.drawn);
  if (answer.look) page.local?.look(answer.look);
  if (answer.view?.length && !page.local?.on) await picture('view3d', answer.view);
  if (phase === 'attempt' || phase === 'replay') await page.paint?.(answer);
  fault(answer.error);
}

function layout(phase) {
  page.paint = null;
  page.local?.leave();
  const make = { choose: home, attempt, replay: playback, done: after }[phase];
  page.root.replaceChildren(make());
  page.local?.enter();
  if (phase === 'attempt' || phase === 'replay') fit();
}

// Who draws the view: the script for drawing it here is fetched only where it is wanted.
async function drawing({ rendering, choice }) {
  page.rendering = { by: 'server', choice };
  if (rendering === 'local') await draw('device');
}

export async function draw(by) {
  if (by === 'device' && !page.local) page.local = new (await import('./local.js')).Local();
  if (by === 'device') await page.local.ready();
  ask({ do: 'draw', by });
}

function drawn(by) {
  page.rendering.by = by;
  page.local?.turn(by === 'device');
  document.getElementById('drawn')?.replaceChildren(drawnBy());
}
export const drawnBy = () => `Drawn by: ${page.rendering.by === 'device' ? 'this device' : 'the server'}`;

// The name of what draws WebGL here; '' if that is no hardware.
function webgl() {
  try {
    const gl = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
    if (!gl) return '';
    const known = gl.getExtension('WEBGL_debug_renderer_info'), name = gl.getParameter(known ? known.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
    gl.getExtension('WEBGL_lose_context')?.loseContext();
    return String(name).slice(0, 300);
  } catch { return ''; }
}

export function fault(text) {
  document.querySelector('.error')?.remove();
  if (!text) return;
  const box = Object.assign(document.createElement('div'), { className: 'error', textContent: text });
  box.setAttribute('role', 'alert');
  document.body.append(box);
  setTimeout(() => box.remove(), 7000);
}

export function fit() {
  const canvas = document.getElementById('view3d');
  if (!canvas) return;
  const box = canvas.getBoundingClientRect();
  const scale = Math.min(1, 760 / Math.max(box.width, 1));
  ask({ do: 'camera', width: Math.round(Math.min(1920, Math.max(200, box.width * scale))), height: Math.round(Math.min(1440, Math.max(200, box.height * scale))) });
}

const calm = matchMedia('(prefers-reduced-motion: reduce)');
function beat() {
  if (page.state.phase === 'attempt' && page.state.probe && !page.waiting() && !document.hidden) ask({ do: 'tick' });
  setTimeout(beat, calm.matches ? 500 : Math.max(90, 3 * lastMs));
}

async function boot() {
  for (;;) {
    page.root = document.getElementById('inion');
    if (page.root && window.trame?.trigger) break;
    await new Promise((r) => setTimeout(r, 15));
  }
  document.documentElement.lang = 'en';
  page.root.innerHTML = '<div class="waiting" role="status">One moment: the anatomy is being loaded.</div>';
  const before = location.hash.match(/^#attempt=([\w-]+)$/);
  ask(before ? { do: 'resume', attempt: before[1] } : { do: 'home' });
  ask({ do: 'able', webgl: webgl() });
  listen();
  gamepad();
  beat();
  addEventListener('resize', () => { clearTimeout(page.fitting); page.fitting = setTimeout(fit, 150); });
  page.ready = true;
}
boot();
