// What the scenario adds: needle and its way, probe and scanned picture, marks of the sites, the pulse along the pathway.

class Tools {
  constructor(model, info) {
    this.model = model; this.info = info;
    this.root = new THREE.Group();
    this.flat = {};
    this.pulse = null; this.reached = null;
    if (info.needle) this._needle();
    if (info.ultrasound) this._ultrasound();
    this._sites();
    if (info.convergence) this._pathway();
    this.show({ probe: 0, ultrasound: 0, sites: 0 });
  }

  // Opacities of 'probe', 'ultrasound', 'sites'.
  show(rule) {
    for (const [name, opacity] of Object.entries(rule)) {
      if (name === 'probe' && this.model.tools.probe) this.model.tools.probe.dress(opacity, this.model.how);
      if (name === 'ultrasound' && this.sheet) {
        this.sheet.visible = opacity > 0.003;
        this.sheet.material.opacity = opacity;
        this.model.tools.ultrasound_rim.dress(opacity > 0.5 ? 1 : 0, this.model.how);
        this.model.manner({ cut: opacity > 0.5 });
      }
      if (name === 'sites') this.sites.visible = opacity > 0.5;
      this.flat[name] = opacity;
    }
  }

  // Cut away what stands between the viewer and the scanned sheet, near it.
  cut(toward) {
    if (!this.model.how.cut) return;
    const { normal, corners_mm: corners } = this.info.ultrasound, { cutPlane, cutBall } = this.model.shared;
    const sign = normal[0] * toward[0] + normal[1] * toward[1] + normal[2] * toward[2] < 0 ? -1 : 1;
    const middle = [0, 1, 2].map((i) => corners.reduce((sum, c) => sum + c[i] / 4, 0));
    const half = Math.hypot(...middle.map((x, i) => x - corners[0][i]));
    cutPlane.value.set(...normal.map((x) => sign * x), sign * middle.reduce((sum, x, i) => sum + x * normal[i], 0));
    cutBall.value.set(...middle, this.info.tools.cut_room * half);
  }

  // The needle at a share of its way: 0 outside, 1 with its tip where it is to be.
  needle(t) {
    this.reached = t;
    if (!this.held) return;
    this.held.visible = t !== null && t !== undefined;
    for (const name of ['needle_shaft', 'needle_hub']) this.model.tools[name].dress(this.held.visible ? 1 : 0, this.model.how);
    if (!this.held.visible) return;
    const told = this.info.needle, back = (1 - Math.min(Math.max(t, 0), 1)) * (told.depth_mm + told.away_mm);
    this.held.matrix.fromArray(told.ras_from_needle.flat()).transpose();
    const shift = new THREE.Matrix4().makeTranslation(...told.direction.map((x) => -back * x));
    this.held.matrix.premultiply(shift);
    this.held.matrixWorldNeedsUpdate = true;
  }

  // Keep the needle's shaft broad enough to be seen.
  fit(pxPerMm) {
    if (!this.shaft) return;
    const broader = Math.max(1, 1.1 / pxPerMm / (this.info.needle.diameter_mm / 2));
    this.shaft.matrix.makeScale(0.01 * broader, 0.01 * broader, 0.01);
    this.shaft.matrixWorldNeedsUpdate = true;
  }

  // A pulse at a share of the pathway; null takes the pathway away.
  convergence(t) {
    if (!this.way) return;
    this.way.visible = t !== null && t !== undefined;
    if (!this.way.visible) return;
    const told = this.info.convergence, at = Math.min(Math.max(t, 0), 1);
    this.pulse.value = at;
    const points = told.path_mm, place = Math.min(at * (points.length - 1), points.length - 1.001), i = Math.floor(place);
    this.bead.position.set(...points[i].map((x, k) => x + (place - i) * (points[i + 1][k] - x)));
    this.bead.scale.setScalar(at < told.meeting ? 1 : 0.8);
    const met = bump(at, told.meeting, 0.1), felt = at > told.meeting ? Math.min(1, Math.max(0, (at - 0.9) / 0.1)) : 0;
    this.meeting.scale.setScalar(1 + 1.2 * met); this.meeting.material.opacity = 0.35 + 0.5 * met;
    this.felt.visible = felt > 0.01; this.felt.scale.setScalar(0.4 + 0.6 * felt); this.felt.material.opacity = 0.55 * felt;
  }

  _needle() {
    this.held = new THREE.Group();
    this.held.matrixAutoUpdate = false;
    this.held.visible = false;
    for (const name of ['needle_shaft', 'needle_hub']) {
      const mesh = this.model.tools[name].mesh;
      mesh.matrix.makeScale(0.01, 0.01, 0.01);
      this.held.add(mesh);
    }
    this.shaft = this.model.tools.needle_shaft.mesh;
    this.root.add(this.held);
  }

  _ultrasound() {
    for (const name of ['probe', 'ultrasound_rim']) {
      const part = this.model.tools[name];
      for (const mesh of [part.mesh, part.veil]) mesh.matrix.makeScale(0.01, 0.01, 0.01);
      this.root.add(part.mesh, part.veil);
    }
    const geometry = new THREE.BufferGeometry(), corners = this.info.ultrasound.corners_mm;
    geometry.setAttribute('position', new THREE.Float32BufferAttribute(corners.flat(), 3));
    geometry.setAttribute('uv', new THREE.Float32BufferAttribute([0, 1, 1, 1, 1, 0, 0, 0], 2));
    geometry.setIndex([0, 1, 2, 0, 2, 3]);
    const material = new THREE.MeshBasicMaterial({ side: THREE.DoubleSide, color: this.info.ultrasound.png ? '#ffffff' : this.info.colours.sheet });
    material.transparent = true;
    this.sheet = new THREE.Mesh(geometry, material);
    this.sheet.name = 'ultrasound';
    this.root.add(this.sheet);
    if (!this.info.ultrasound.png) return;
    this.waiting = new Promise((done) => {
      const image = new Image();
      image.onload = () => {
        material.map = new THREE.Texture(image);
        material.map.minFilter = THREE.LinearFilter; material.map.generateMipmaps = false;
        material.map.needsUpdate = true; material.needsUpdate = true;
        done();
      };
      image.onerror = () => done();
      image.src = this.info.ultrasound.png;
    });
  }

  _sites() {
    const rules = this.info.tools, disc = new THREE.CylinderGeometry(rules.site_mm, rules.site_mm, rules.site_high_mm, 28);
    const rim = new THREE.CylinderGeometry(1.32 * rules.site_mm, 1.32 * rules.site_mm, 0.7 * rules.site_high_mm, 28);
    this.sites = new THREE.Group();
    for (const site of this.info.sites) {
      const group = new THREE.Group();
      for (const [shape, colour] of [[rim, '#ffffff'], [disc, site.colour]]) {
        const mesh = new THREE.Mesh(shape, new THREE.MeshBasicMaterial({ color: colour }));
        mesh.name = `site:${site.id}`;
        group.add(mesh);
      }
      const normal = new THREE.Vector3(...site.normal).normalize();
      group.quaternion.setFromUnitVectors(new THREE.Vector3(0, 1, 0), normal);
      group.position.set(...site.point_mm).addScaledVector(normal, 0.3);
      this.sites.add(group);
    }
    this.root.add(this.sites);
  }

  _pathway() {
    const told = this.info.convergence, curve = new THREE.CatmullRomCurve3(told.path_mm.map((p) => new THREE.Vector3(...p)));
    const tube = new THREE.TubeGeometry(curve, 2 * told.path_mm.length, this.info.tools.path_mm, 10);
    this.pulse = { value: 0 };
    const uniforms = { pulse: this.pulse, meeting: { value: told.meeting }, hot: { value: new THREE.Color(this.info.colours.group_6) } };
    const make = (more) => new THREE.Mesh(tube, new THREE.ShaderMaterial({ uniforms, vertexShader: WAY_VERTEX, fragmentShader: WAY_FRAGMENT, transparent: true, ...more }));
    const seen = make({}), through = make({ depthTest: false, defines: { THROUGH: 1 } });
    seen.renderOrder = 19; through.renderOrder = 18;
    const ball = (at, size, opacity) => {
      const mesh = new THREE.Mesh(new THREE.SphereGeometry(size, 24, 16), new THREE.MeshBasicMaterial({ color: this.info.colours.group_6, transparent: true, opacity, depthTest: false }));
      mesh.position.set(...at); mesh.renderOrder = 20;
      return mesh;
    };
    this.bead = ball(told.path_mm[0], 2.8, 1); this.meeting = ball(told.meeting_mm, 3.2, 0.4); this.felt = ball(told.felt_mm, 13, 0.5);
    this.way = new THREE.Group();
    this.way.visible = false;
    this.way.add(through, seen, this.meeting, this.felt, this.bead);
    this.root.add(this.way);
  }
}

// 1 at a middle, 0 beyond a breadth.
function bump(x, middle, broad) {
  return Math.max(0, 1 - Math.abs(x - middle) / broad);
}

const WAY_VERTEX = 'varying float along; void main() { along = uv.x; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }';
// what has been run through is bright; beyond the meeting place no pulse runs, the pain is only felt there: dashes
const WAY_FRAGMENT = `
uniform float pulse, meeting;
uniform vec3 hot;
varying float along;
void main() {
  float run = smoothstep(pulse + 0.004, pulse - 0.004, along);
  float head = exp(-30.0 * max(pulse - along, 0.0)) * run;
  float dash = along < meeting ? 1.0 : step(0.45, fract(along * 64.0));
  float strong = mix(0.10, 0.55 + 0.45 * head, run) * dash;
#ifdef THROUGH
  strong *= 0.45;
#endif
  gl_FragColor = vec4(mix(hot, vec3(1.0, 0.85, 0.55), 0.55 * head), strong);
}`;
