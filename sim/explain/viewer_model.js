// The anatomy: reads the model, and keeps of every structure how it is drawn.

function bytesOf(base64) {
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out.buffer;
}

const GHOST = '__ghost'; // ends the name of a coarser form

class Model {
  constructor(info) {
    this.info = info;
    this.root = new THREE.Group();
    this.parts = {};
    this.tools = {};
    this.opacity = {};
    this.fade = null;
    this.lit = new Set();
    this.how = { fast: false, cut: false, fading: false };
    const colour = (name) => new THREE.Color(info.colours[name]);
    this.shared = {
      paper: { value: colour('paper') }, painted: { value: 0 }, floorZ: { value: -1e4 }, fibres: { value: null },
      cutPlane: { value: new THREE.Vector4(0, 0, 1, 1e4) }, cutBall: { value: new THREE.Vector4(0, 0, 0, 0) },
      lamps: { value: new THREE.Vector4(info.light.key, info.light.fill, info.light.rim, info.light.edge) },
    };
    if (info.textures && info.textures.fibres) {
      this.waiting = new Promise((done) => {
        const image = new Image();
        image.onload = image.onerror = () => done();
        image.src = info.textures.fibres;
        const fibres = new THREE.Texture(image);
        fibres.wrapS = fibres.wrapT = THREE.RepeatWrapping;
        image.addEventListener('load', () => { fibres.needsUpdate = true; });
        this.shared.fibres.value = fibres;
      });
    }
  }

  load(base64) {
    return Promise.all([this.waiting, new Promise((done, fail) => {
      new THREE.GLTFLoader().parse(bytesOf(base64), '', (file) => { this._take(file.scene); done(); }, fail);
    })]);
  }

  _take(scene) {
    const top = scene.children[0], ghosts = [];
    this.root.scale.copy(top.scale);
    for (const node of top.children) {
      const geometry = renamed(node.geometry), structure = this.info.structures[node.name];
      if (node.name.endsWith(GHOST)) { ghosts.push([node.name.slice(0, -GHOST.length), geometry]); continue; }
      if (node.name === 'skin') this._weights(geometry);
      const thing = new Thing(node.name, structure ? structure.group : 'tool', geometry, this.shared);
      (structure ? this.parts : this.tools)[node.name] = thing;
      if (structure) this.root.add(thing.mesh, thing.veil);
    }
    for (const [key, geometry] of ghosts) {
      if (key === 'skin') geometry.setAttribute('paint', new THREE.BufferAttribute(new Uint8Array(4 * geometry.attributes.position.count), 4, true));
      this.parts[key].ghost = geometry;
    }
    for (const key of Object.keys(this.parts)) this.opacity[key] = 0;
    this.shared.floorZ.value = this.info.structures.skin.box[0][2] + 4;
    this.paintColours = this.parts.skin.fine.attributes.paint;
  }

  // The weights of the painted regions are read here and never go to the graphics card; what goes is one colour for each corner.
  _weights(geometry) {
    const count = geometry.attributes.position.count;
    this.weights = [];
    for (let i = 0; geometry.attributes[`_weights_${i}`]; i++) {
      this.weights.push(geometry.attributes[`_weights_${i}`].array);
      this.stride = geometry.attributes[`_weights_${i}`].data ? geometry.attributes[`_weights_${i}`].data.stride : 4;
      geometry.deleteAttribute(`_weights_${i}`);
    }
    geometry.setAttribute('paint', new THREE.BufferAttribute(new Uint8Array(4 * count), 4, true));
  }

  // Opacity of every structure under a rule by '*', kind, group, unsided key and key: what is named more closely counts.
  resolve(rule) {
    const out = {}, groups = Object.keys(rule).filter((name) => this.info.groups[name]);
    for (const key of Object.keys(this.parts)) {
      const bare = key.replace(/_(left|right)$/, '');
      for (const name of ['*', this.parts[key].kind, ...groups.filter((g) => this.info.groups[g].includes(bare)), bare, key]) {
        if (name in rule) out[key] = rule[name];
      }
    }
    return out;
  }

  // Begin to fade toward a rule. What opaque skin covers need not fade: it appears at once, and goes when it is covered.
  aim(rule) {
    const to = { ...this.opacity, ...this.resolve(rule) }, from = { ...this.opacity };
    const covered = from.skin >= 0.99, covers = to.skin >= 0.99;
    for (const key of Object.keys(to)) {
      if (['skin', 'hair'].includes(this.parts[key].kind)) continue;
      if (covered) from[key] = to[key];
      if (covers && !covered) to[key] = Math.max(from[key], to[key]);
    }
    this.fade = { from, to, last: { ...this.opacity, ...this.resolve(rule) } };
  }

  step(share) {
    if (!this.fade) return;
    for (const [key, to] of Object.entries(this.fade.to)) this.opacity[key] = this.fade.from[key] + share * (to - this.fade.from[key]);
    if (share >= 1) {
      Object.assign(this.opacity, this.fade.last);
      this.fade = null;
    }
    this.apply();
  }

  apply() {
    const hidden = this.opacity.skin >= 0.999;
    this.how.fading = !!this.fade;
    for (const part of Object.values(this.parts)) {
      const covered = hidden && !['skin', 'hair'].includes(part.kind);
      part.dress(covered ? 0 : this.opacity[part.key], this.how);
    }
    for (const tool of Object.values(this.tools)) tool.dress(tool.opacity, this.how);
    this.mark();
  }

  // Draw for a slow machine or not; cut away what stands before the scanned sheet or not.
  manner(how) {
    if (Object.entries(how).every(([name, value]) => this.how[name] === value)) return;
    Object.assign(this.how, how);
    this.apply();
  }

  mark() {
    const any = this.lit.size > 0;
    for (const part of Object.values(this.parts)) {
      part.look.uniforms.glow.value = this.lit.has(part.key) ? 1 : 0;
      part.look.uniforms.mute.value = any && !this.lit.has(part.key) ? 0.16 : 0;
    }
  }

  highlight(keys) {
    const wanted = new Set(keys || []);
    this.lit = new Set(Object.keys(this.parts).filter((key) => wanted.has(key) || wanted.has(key.replace(/_(left|right)$/, ''))));
    this.mark();
  }

  paint(regions) {
    const to = this.paintColours.array, count = to.length / 4, colour = new THREE.Color();
    const sum = new Float32Array(4 * count);
    for (const region of regions || []) {
      const told = this.info.maps[region.name];
      if (!told) continue;
      colour.set(region.colour || told.colour);
      for (const side of region.side && region.side !== 'both' ? [region.side] : ['left', 'right']) {
        const column = told[side], from = this.weights[column >> 2], strength = (region.strength ?? 1) / 255;
        for (let i = 0; i < count; i++) {
          const w = from[this.stride * i + (column & 3)] * strength;
          if (!w) continue;
          sum[4 * i] += w * colour.r; sum[4 * i + 1] += w * colour.g; sum[4 * i + 2] += w * colour.b;
          sum[4 * i + 3] += w;
        }
      }
    }
    for (let i = 0; i < count; i++) {
      const w = sum[4 * i + 3];
      // a colour without weight still tints the corner beside one with weight, so the old one is kept there
      for (let c = 0; c < 3; c++) if (w > 0) to[4 * i + c] = 255 * sum[4 * i + c] / w;
      to[4 * i + 3] = 255 * Math.min(w, 1) * 0.82;
    }
    this.paintColours.needsUpdate = true;
  }
}

// Names of attributes as the shader has them.
function renamed(geometry) {
  for (const [from, to] of [['color', 'tint'], ['_grain', 'grain']]) {
    if (!geometry.attributes[from]) continue;
    geometry.setAttribute(to, geometry.attributes[from]);
    geometry.deleteAttribute(from);
  }
  geometry.computeBoundingSphere();
  return geometry;
}
