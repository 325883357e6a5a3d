// The 3-D view drawn by this device: vtk.js holds the scene, the camera is kept here, so that turning the head asks nothing of the server.
import { el } from './dom.js';
import { page } from './page.js';
import { viewCanvas } from './screens.js';

const RAD = Math.PI / 180, AWAY_MM = 2000, WIDTHS_MM = [25, 900];
const AXES = { R: [1, 0, 0], L: [-1, 0, 0], A: [0, 1, 0], P: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1] };
const WORDS = { R: 'patient’s right', L: 'patient’s left', A: 'front', P: 'back', S: 'top', I: 'foot end' };
const plus = (a, b, k = 1) => a.map((v, i) => v + k * b[i]);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const clip = (v, low, high) => Math.min(high, Math.max(low, v));

// The directions of a look, as of sim.cameras: toward the camera, to the picture's right, to its top.
export function axes({ azimuth_deg, elevation_deg }) {
  const a = azimuth_deg * RAD, e = elevation_deg * RAD, back = [Math.sin(a), Math.cos(a), 0];
  const toward = plus([0, 0, Math.sin(e)], back, Math.cos(e)), up = plus([0, 0, Math.cos(e)], back, -Math.sin(e));
  const right = [up[1] * toward[2] - up[2] * toward[1], up[2] * toward[0] - up[0] * toward[2], up[0] * toward[1] - up[1] * toward[0]];
  return { toward, right, up };
}

// Which letter lies nearest to a direction.
export const letter = (way) => Object.keys(AXES).reduce((best, k) => (dot(AXES[k], way) > dot(AXES[best], way) + 1e-9 ? k : best), 'R');

export class Local {
  constructor() {
    this.on = false;
    this.now = null;
    this.told = true;
    this.holder = document.getElementById('inion-local');
    this.shelf = this.holder.parentElement;
    this.edges = ['left', 'right'].map((side) => el('div', { class: `edge ${side}` }));
    this.sized = new ResizeObserver(() => this.aim());
  }

  get view() { return window.trame.refs.inion_view; }

  async ready() {
    while (!this.view) await new Promise((r) => setTimeout(r, 15));
  }

  // Which way round: with the layer over it renewed, for one that has shown a picture stays opaque.
  turn(on) {
    if (this.on === on) return;
    this.leave();
    this.on = on;
    document.getElementById('view3d')?.replaceWith(viewCanvas());
    this.enter();
  }

  // Into the screen of now, and out of it before it goes.
  enter() {
    const stage = document.querySelector('.stage');
    if (!this.on || !stage) return;
    stage.prepend(this.holder);
    stage.append(...this.edges);
    this.holder.classList.remove('off');
    this.sized.observe(stage);
    this.view.resize();
    this.aim();
  }

  leave() {
    this.sized.disconnect();
    this.holder.classList.add('off');
    if (this.holder.parentElement !== this.shelf) this.shelf.append(this.holder);
    this.edges.forEach((edge) => edge.remove());
  }

  look(told) {
    this.now = told;
    this.told = true;
    this.aim();
  }

  box() {
    const canvas = document.getElementById('view3d'), box = canvas.getBoundingClientRect();
    return { canvas, width: Math.max(1, Math.round(box.width)), height: Math.max(1, Math.round(box.height)) };
  }

  camera() {
    const { width, height } = this.box(), { toward, up } = axes(this.now), focus = this.now.focus_mm;
    return { position: plus(focus, toward, AWAY_MM), focal_point: focus, view_up: up, view_angle: 30, parallel_scale: (this.now.width_mm * height) / width / 2, parallel: true };
  }

  aim() {
    if (!this.on || !this.now || !document.getElementById('view3d')) return;
    const { canvas, width, height } = this.box(), c = this.camera(), { right } = axes(this.now);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    this.view.setCamera({ position: c.position, focalPoint: c.focal_point, viewUp: c.view_up, viewAngle: c.view_angle, parallelProjection: true, parallelScale: c.parallel_scale });
    [plus([0, 0, 0], right, -1), right].forEach((way, i) => { const k = letter(way); if (this.edges[i].dataset.letter !== k) { this.edges[i].dataset.letter = k; this.edges[i].replaceChildren(k, el('small', {}, WORDS[k])); } });
  }

  // What has to be told before a message: where one looks from, if that has changed here. A pointer brings its camera along.
  first(message) {
    if (!this.on || !this.now) return [];
    if (message.do === 'point') { const { width, height } = this.box(); Object.assign(message, { width, height, camera: this.camera() }); }
    if (this.told || message.do === 'tick' || turns(message)) return [];
    this.told = true;
    return [{ do: 'look', ...this.now }];
  }

  // Whether a message is done here: turning, shifting and zooming are.
  does(message) {
    if (!this.on || !this.now || !turns(message)) return false;
    const { width } = this.box(), { right, up } = axes(this.now), scale = this.now.width_mm / width;
    const focus = plus(plus(this.now.focus_mm, right, -(message.right || 0) * scale), up, -(message.up || 0) * scale);
    this.now = {
      azimuth_deg: ((((this.now.azimuth_deg + (message.azimuth_deg || 0) + 180) % 360) + 360) % 360) - 180,
      elevation_deg: clip(this.now.elevation_deg + (message.elevation_deg || 0), -90, 90),
      focus_mm: focus, width_mm: clip(this.now.width_mm / (message.zoom || 1), ...WIDTHS_MM),
    };
    this.told = false;
    this.aim();
    return true;
  }
}

const turns = (m) => m.do === 'camera' && !m.view && !m.layer && !m.width;
