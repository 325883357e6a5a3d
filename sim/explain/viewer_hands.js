// Fingers and mouse: one turns, two make larger and move, a short touch asks what is there.

const TAP_PX = 7, TAP_MS = 450, DEG_PER_PX = 0.36, REACH_PX = 9;

class Hands {
  constructor(viewer, canvas) {
    this.viewer = viewer; this.canvas = canvas;
    this.down = new Map(); this.start = null; this.moved = 0;
    canvas.style.touchAction = 'none';
    const on = (name, call, options) => canvas.addEventListener(name, call, options);
    on('pointerdown', (e) => this._press(e));
    on('pointermove', (e) => this._move(e));
    for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) on(name, (e) => this._lift(e, name === 'pointerup'));
    on('wheel', (e) => { e.preventDefault(); this.viewer.zoom(Math.exp(-Math.max(-120, Math.min(120, e.deltaY * (e.deltaMode ? 20 : 1))) / 500)); }, { passive: false });
  }

  _press(event) {
    if (event.pointerType === 'mouse' && event.button !== 0) return;
    try { this.canvas.setPointerCapture(event.pointerId); } catch (fault) { /* a pointer that is gone already */ }
    this.down.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.down.size === 1) { this.start = performance.now(); this.moved = 0; } else this.start = null;
  }

  _move(event) {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY], dx = now[0] - before[0], dy = now[1] - before[1];
    if (this.down.size === 1) {
      this.moved += Math.hypot(dx, dy);
      if (this.moved > TAP_PX) this.viewer.turn(dx * DEG_PER_PX, dy * DEG_PER_PX);
    } else if (this.down.size === 2) {
      const other = [...this.down.entries()].find(([id]) => id !== event.pointerId)[1];
      const apart = (p) => Math.max(Math.hypot(p[0] - other[0], p[1] - other[1]), 10);
      this.viewer.zoom(apart(now) / apart(before));
      this.viewer.shift(dx / 2, dy / 2);
    }
    this.down.set(event.pointerId, now);
  }

  _lift(event, tapped) {
    if (!this.down.delete(event.pointerId)) return;
    if (tapped && this.down.size === 0 && this.start !== null && this.moved <= TAP_PX && performance.now() - this.start < TAP_MS) {
      const box = this.canvas.getBoundingClientRect();
      this.viewer._picked(event.clientX - box.left, event.clientY - box.top);
    }
    if (this.down.size === 0) this.start = null;
  }
}

// What lies at a place of the picture, as a finger means it: thin things count from a little beside.
function pickAt(viewer, x, y) {
  const centre = firstHit(viewer, x, y);
  if (centre && (THIN.includes(centre.kind) || centre.kind === 'tool')) return centre.key;
  for (const far of [0.5, 1]) {
    for (let i = 0; i < 8; i++) {
      const a = i * Math.PI / 4, hit = firstHit(viewer, x + far * REACH_PX * Math.cos(a), y + far * REACH_PX * Math.sin(a));
      if (hit && (THIN.includes(hit.kind) || hit.key === 'site')) return hit.key;
    }
  }
  return centre ? centre.key : null;
}

function firstHit(viewer, x, y) {
  const { model, tools, eye } = viewer, caster = new THREE.Raycaster();
  caster.setFromCamera({ x: 2 * x / eye.size[0] - 1, y: 1 - 2 * y / eye.size[1] }, eye.lens);
  const solid = [], glass = [];
  for (const part of Object.values(model.parts)) {
    if (part.mesh.visible) (model.opacity[part.key] >= 0.5 ? solid : glass).push(part.mesh);
  }
  const extra = [];
  if (tools.held && tools.held.visible) extra.push(...tools.held.children);
  if (tools.sheet && tools.sheet.visible) extra.push(tools.sheet);
  if (tools.sites.visible) tools.sites.traverse((m) => { if (m.isMesh) extra.push(m); });
  const probe = model.tools.probe && model.tools.probe.mesh;
  if (probe && probe.visible) extra.push(probe);
  const hit = caster.intersectObjects([...solid, ...extra], false)[0] || caster.intersectObjects(glass, false)[0];
  return hit ? told(model, hit.object.name) : null;
}

function told(model, name) {
  if (name.startsWith('site:')) return { key: 'site', kind: 'tool', id: name.slice(5) };
  if (name.startsWith('needle')) return { key: 'needle', kind: 'tool' };
  if (name === 'probe' || name === 'ultrasound') return { key: 'ultrasound', kind: 'tool' };
  return { key: name, kind: model.parts[name].kind };
}
