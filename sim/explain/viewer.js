// The 3-D view of the patient's page. Draws only when something has changed.

const FAST_MS = 24, SLOW_MS = 46, LEAST_RATIO = 0.6, MOST_RATIO = 2, REST_MS = 220, SHARP = 2;

class InionViewer {
  // canvas: its size on the page decides that of the picture. glbBase64, info: of `patient_model`.
  constructor(canvas, glbBase64, info, options) {
    this.info = info; this.canvas = canvas;
    this.still = !!(options && options.reducedMotion);
    this.model = new Model(info);
    this.eye = new Eye(info);
    this.scene = new THREE.Scene();
    this.scene.background = new THREE.Color(info.colours.paper);
    this.soft = drawsInSoftware();
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: !this.soft, powerPreference: 'high-performance' });
    const dense = this.dense = Math.min(window.devicePixelRatio || 1, MOST_RATIO);
    this.most = this.soft ? Math.min(SHARP * dense, MOST_RATIO) : dense; // at rest; without a graphics card more pixels smooth the edges
    this.ratio = dense; this.fast = this.soft;
    this.moves = new Map(); this.frames = []; this.calls = []; this.asked = false; this.lost = false; this.last = 0;
    this.wanted = null;
    canvas.addEventListener('webglcontextlost', (e) => { e.preventDefault(); this.lost = true; });
    canvas.addEventListener('webglcontextrestored', () => { this.lost = false; this.changed(); });
    if (window.ResizeObserver) { this.watch = new ResizeObserver(() => this.resize()); this.watch.observe(canvas); }
    this.ready = this.model.load(glbBase64).then(() => this._begin());
  }

  _begin() {
    this.tools = new Tools(this.model, this.info);
    this.scene.add(this.model.root, this.tools.root);
    this.model.root.updateMatrixWorld(true);
    this.hands = new Hands(this, this.canvas);
    this.model.aim(this.info.layers.whole); this.model.step(1);
    if (this.info.cameras.start) { this.eye.aim(this.info.cameras.start); this.eye.step(1); }
    this.resize();
    for (const call of this.calls) call();
    this.calls = null;
    return Promise.resolve(this.tools.waiting).then(() => this.changed());
  }

  // Do now, or as soon as the model is read.
  _when(call) { if (this.calls) this.calls.push(call); else call(); }

  // Run a change from 0 to 1 over some seconds; a new one of the same name takes its place.
  _run(name, seconds, step) {
    const before = this.moves.get(name);
    if (before) before.done();
    if (this.still || !(seconds > 0)) { step(1); this.changed(); this.moves.delete(name); return Promise.resolve(); }
    return new Promise((done) => { this.moves.set(name, { start: null, seconds, step, done }); this.changed(); });
  }

  // Move the camera to {azimuth_deg, elevation_deg, focus_mm, width_mm, height_mm?}; what is not given stays.
  goto(to, seconds) {
    return new Promise((done) => this._when(() => {
      const camera = {};
      for (const name of ['azimuth_deg', 'elevation_deg', 'focus_mm', 'width_mm', 'height_mm']) if (to[name] !== undefined) camera[name] = to[name];
      this.eye.aim(camera);
      this._run('camera', seconds, (t) => this.eye.step(t)).then(done);
    }));
  }

  // Fade to opacities by '*', kind, group, unsided key or key, and 'probe', 'ultrasound', 'sites'; or to a layer by its name.
  show(rule, seconds) {
    return new Promise((done) => this._when(() => {
      const held = typeof rule === 'string' ? this.info.layers[rule] : rule;
      if (!held) throw new Error(`there is no layer ${rule}`);
      this.model.aim(held);
      const flat = '*' in held ? { probe: 0, ultrasound: 0, sites: 0, ...held } : held, from = { ...this.tools.flat };
      const names = ['probe', 'ultrasound', 'sites'].filter((n) => n in flat);
      this._run('layers', seconds, (t) => {
        this.model.step(t);
        this.tools.show(Object.fromEntries(names.map((n) => [n, from[n] + t * (flat[n] - from[n])])));
      }).then(done);
    }));
  }

  // Everything that a step of info.cameras asks for.
  present(name, seconds) {
    const step = this.info.cameras[name];
    if (!step) return Promise.resolve(false);
    this.highlight(step.highlight); this.paint(step.paint);
    this.needle(step.needle ?? null); this.convergence(step.convergence ?? null);
    return Promise.all([this.goto(step, seconds), this.show(step.show, seconds)]).then(() => true);
  }

  highlight(keys) { this._when(() => { this.model.highlight(keys); this.changed(); }); }

  // Paint regions of the skin: [{name, side, strength, colour?}]; an empty list wipes them off.
  paint(regions, seconds = 0.5) {
    this._when(() => {
      const on = this.model.shared.painted;
      if (!regions || !regions.length) { this._run('paint', on.value > 0 ? seconds : 0, (t) => { on.value = Math.min(on.value, 1 - t); }); return; }
      this.model.paint(regions);
      this._run('paint', seconds, (t) => { on.value = t; });
    });
  }

  needle(t) { this._when(() => { this.tools.needle(t); this.changed(); }); }

  convergence(t) { this._when(() => { this.tools.convergence(t); this.changed(); }); }

  onpick(call) { this.picked = call; }

  pick(x, y) { return this.calls ? null : pickAt(this, x, y); }

  _picked(x, y) { if (this.picked) this.picked(this.pick(x, y), x, y); }

  // Degrees: positive to the right and downward, as a hand would turn the head.
  turn(dx, dy) { this._when(() => { this._stop(); this.eye.turn(dx, dy); this.changed(); }); }

  zoom(factor) { this._when(() => { this._stop(); this.eye.zoom(factor); this.changed(); }); }

  shift(dx, dy) {
    this._when(() => {
      const { right, up } = this.eye.axes(), scale = this.eye.scale();
      this.eye.now.focus_mm = this.eye.now.focus_mm.map((v, i) => v - (dx * right[i] - dy * up[i]) / scale);
      this.changed();
    });
  }

  _stop() { const move = this.moves.get('camera'); if (move) { this.moves.delete('camera'); move.done(); } }

  sides() { return this.eye.sides(); }

  project(point) { return this.eye.project(point); }

  camera() { return { ...this.eye.now }; }

  stats() {
    const times = this.frames.slice().sort((a, b) => a - b), middle = times.length ? times[times.length >> 1] : 0;
    return { fps: middle ? 1000 / middle : 0, frame_ms: middle, frames: times.length, triangles: this.renderer.info.render.triangles,
      calls: this.renderer.info.render.calls, ratio: this.ratio, lost: this.lost };
  }

  snapshot() { this._draw(this.most, false); return this.canvas.toDataURL('image/png'); }

  resize() {
    const width = this.canvas.clientWidth || this.canvas.width, height = this.canvas.clientHeight || this.canvas.height;
    if (!width || !height) return;
    this.eye.size = [width, height];
    this.renderer.setSize(width, height, false);
    this._draw();
  }

  // Ask for a picture.
  changed() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((time) => this._frame(time));
  }

  _frame(time) {
    this.asked = false;
    if (this.lost) return;
    for (const [name, move] of [...this.moves]) {
      if (move.start === null) move.start = time;
      const share = Math.min((time - move.start) / 1000 / move.seconds, 1);
      move.step(share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2);
      if (share >= 1) { if (this.moves.get(name) === move) this.moves.delete(name); move.done(); }
    }
    this._pace(time);
    this._draw();
    if (this.moves.size) this.changed();
    else this._rest();
  }

  _draw(ratio = this.ratio, fast = this.fast) {
    if (this.lost || this.calls) return;
    this.model.manner({ fast });
    if (Math.abs(this.renderer.getPixelRatio() - ratio) > 0.01) this.renderer.setPixelRatio(ratio);
    this.eye.place();
    this.tools.fit(this.eye.scale());
    this.tools.cut(this.eye.axes().toward);
    this.renderer.render(this.scene, this.eye.lens);
  }

  // A slow machine draws fewer pixels while things move.
  _pace(time) {
    const took = time - this.last;
    this.last = time;
    if (took > 500) { this.frames = []; return; }
    this.frames.push(took);
    if (this.frames.length > 90) this.frames.shift();
    const recent = this.frames.slice(-12).sort((a, b) => a - b), middle = recent[6];
    if (recent.length < 12 || time - (this.paced || 0) < 400) return;
    const wanted = middle > SLOW_MS ? this.ratio * 0.8 : middle < FAST_MS ? this.ratio * 1.1 : this.ratio;
    this.fast = this.soft || this.fast || middle > SLOW_MS;
    this.ratio = Math.min(Math.max(wanted, LEAST_RATIO), this.dense);
    this.paced = time;
  }

  // When nothing moves any more, draw once as finely as can be; the next movement begins as coarsely as the last.
  _rest() {
    clearTimeout(this.resting);
    if (this.fast || this.ratio < this.most) this.resting = setTimeout(() => this._draw(this.most, false), REST_MS);
  }
}

// Whether there is no graphics card.
function drawsInSoftware() {
  const gl = document.createElement('canvas').getContext('webgl'), told = gl && gl.getExtension('WEBGL_debug_renderer_info');
  const name = gl ? String(gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : '';
  const lose = gl && gl.getExtension('WEBGL_lose_context');
  if (lose) lose.loseContext();
  return /llvmpipe|softpipe|swiftshader|software|basic render/i.test(name);
}
