// The camera: parallel, head up always, from azimuth (0 in front, 90 from the patient's right) and elevation.

const RAD = Math.PI / 180;
const SIDES = [['R', 0, 1], ['L', 0, -1], ['A', 1, 1], ['P', 1, -1], ['S', 2, 1], ['I', 2, -1]];

class Eye {
  constructor(info) {
    this.limits = info.limits;
    this.lens = new THREE.OrthographicCamera(-1, 1, 1, -1, 1, 3000);
    this.now = { azimuth_deg: 0, elevation_deg: 0, focus_mm: [0, 0, 0], width_mm: 260, height_mm: 360 };
    this.size = [1, 1];
    this.path = null;
  }

  axes() {
    const a = this.now.azimuth_deg * RAD, e = this.now.elevation_deg * RAD;
    const back = [Math.sin(a), Math.cos(a), 0];
    const toward = [back[0] * Math.cos(e), back[1] * Math.cos(e), Math.sin(e)];
    const up = [-back[0] * Math.sin(e), -back[1] * Math.sin(e), Math.cos(e)];
    const right = [up[1] * toward[2] - up[2] * toward[1], up[2] * toward[0] - up[0] * toward[2], up[0] * toward[1] - up[1] * toward[0]];
    return { toward, up, right };
  }

  // Pixels (of the page) for each millimetre: what is asked to be in the picture is in it, however the picture is shaped.
  scale() {
    const high = this.now.height_mm || 0;
    return Math.min(this.size[0] / this.now.width_mm, high ? this.size[1] / high : Infinity);
  }

  place() {
    const { toward, up } = this.axes(), f = this.now.focus_mm, scale = this.scale(), lens = this.lens;
    lens.right = this.size[0] / scale / 2; lens.left = -lens.right;
    lens.top = this.size[1] / scale / 2; lens.bottom = -lens.top;
    lens.position.set(f[0] + 1200 * toward[0], f[1] + 1200 * toward[1], f[2] + 1200 * toward[2]);
    lens.up.set(...up);
    lens.lookAt(...f);
    lens.near = 400; lens.far = 2000;
    lens.updateProjectionMatrix();
    lens.updateMatrixWorld();
  }

  project(point) {
    const { right, up } = this.axes(), f = this.now.focus_mm, scale = this.scale();
    const d = point.map((x, i) => x - f[i]), dot = (v) => v[0] * d[0] + v[1] * d[1] + v[2] * d[2];
    return [this.size[0] / 2 + scale * dot(right), this.size[1] / 2 - scale * dot(up)];
  }

  // Which of the patient's sides lies at each edge of the picture.
  sides() {
    const { right, up } = this.axes();
    const nearest = (way) => SIDES.reduce((best, [name, axis, sign]) => (sign * way[axis] > best[1] + 1e-9 ? [name, sign * way[axis]] : best), ['', -2])[0];
    const minus = (v) => v.map((x) => -x);
    return { left: nearest(minus(right)), right: nearest(right), top: nearest(up), bottom: nearest(minus(up)) };
  }

  aim(to) {
    const from = { ...this.now }, end = this._held({ ...this.now, height_mm: to.height_mm || 0, ...to });
    const turn = ((end.azimuth_deg - from.azimuth_deg + 540) % 360 + 360) % 360 - 180; // the short way round
    from.scale = this.scale();
    this.path = { from, end, turn };
  }

  step(share) {
    if (!this.path) return;
    const { from, end, turn } = this.path, mix = (a, b) => a + share * (b - a);
    const start = this.size[0] / from.scale, goal = this._width(end);
    this.now = {
      azimuth_deg: from.azimuth_deg + share * turn, elevation_deg: mix(from.elevation_deg, end.elevation_deg),
      focus_mm: from.focus_mm.map((x, i) => mix(x, end.focus_mm[i])), width_mm: start * (goal / start) ** share, height_mm: 0,
    };
    if (share >= 1) {
      this.now = { ...end, azimuth_deg: wrapped(end.azimuth_deg) };
      this.path = null;
    }
  }

  turn(dx, dy) {
    this.path = null;
    this.now = this._held({ ...this.now, azimuth_deg: wrapped(this.now.azimuth_deg + dx), elevation_deg: this.now.elevation_deg + dy });
  }

  zoom(factor) {
    this.path = null;
    const width = this.size[0] / this.scale() / factor;
    this.now = this._held({ ...this.now, width_mm: width, height_mm: 0 });
  }

  _width(view) {
    return Math.max(view.width_mm, view.height_mm ? view.height_mm * this.size[0] / this.size[1] : 0);
  }

  _held(view) {
    const clamp = (x, [low, high]) => Math.min(Math.max(x, low), high);
    return { ...view, elevation_deg: clamp(view.elevation_deg, this.limits.elevation_deg), width_mm: clamp(view.width_mm, this.limits.widths_mm) };
  }
}

function wrapped(deg) {
  return ((deg + 180) % 360 + 360) % 360 - 180;
}
