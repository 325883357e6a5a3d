// How surfaces take the light: one small shader for all of them, and the order in which glass is drawn.

// Lamps stand with the camera, as in the stills: x right, y up, z toward the viewer.
const LAMPS = { key: [-0.45, 0.62, 0.85], fill: [0.75, -0.25, 0.62], rim: [0.35, 0.70, -0.62] };
const GLOSS = { bone: [0.07, 14], disc: [0.07, 14], muscle: [0.12, 18], nerve: [0.30, 26], artery: [0.22, 24], vein: [0.18, 24],
  skin: [0.07, 12], hair: [0.03, 10], tool: [0.30, 34] };
// what is glass is drawn after what is solid, the outermost last, each behind its own veil of depth so that only its front shows
const SHELLS = { nerve: 1, artery: 1, vein: 1, brain: 2, bone: 3, disc: 3, ligament: 4, muscle: 5, hair: 7, skin: 8, tool: 9 };
const THIN = ['nerve', 'artery', 'vein'];
const UNCUT = ['nerve', 'skin', 'hair', 'tool', 'bone'];

const LIT = `
uniform vec4 lamps; // key, fill, rim, edge
uniform vec2 gloss;
const vec3 KEY = vec3(${unitOf(LAMPS.key)}), FILL = vec3(${unitOf(LAMPS.fill)}), RIM = vec3(${unitOf(LAMPS.rim)});
const vec3 GLINT = vec3(${unitOf([LAMPS.key[0] / 1.14, LAMPS.key[1] / 1.14, LAMPS.key[2] / 1.14 + 1])});
// light (rgb) and glint (a) on a surface with a unit normal
vec4 lit(vec3 n, float away) {
#ifdef SOFT
  // light that goes round the edge of flesh, a little redder
  float key = clamp((dot(n, KEY) + 0.22) / 1.22, 0.0, 1.0);
  vec3 warm = mix(vec3(1.0, 0.945, 0.915), vec3(1.0), smoothstep(0.0, 0.75, key));
#else
  float key = max(dot(n, KEY), 0.0);
  vec3 warm = vec3(1.0);
#endif
  vec3 light = vec3(0.26) + 0.93 * (lamps.x * key * vec3(1.0, 0.985, 0.955)
    + lamps.y * max(dot(n, FILL), 0.0) * vec3(1.0, 0.95, 0.90) + lamps.z * max(dot(n, RIM), 0.0) * vec3(0.95, 0.97, 1.0));
  return vec4(warm * light * (1.0 - lamps.w * away * away * away), gloss.x * pow(max(dot(n, GLINT), 0.0), gloss.y));
}
// glass is clear where it faces the viewer, rising to its outline; solid again toward an opacity of one
float clear(float opacity, float away) {
#ifdef FLAT
  return opacity * (1.0 + away);
#else
  return mix(clamp(opacity * (0.6 + 3.6 * pow(away, 2.5)), 0.0, 0.95), 1.0, smoothstep(0.55, 1.0, opacity));
#endif
}`;

// FAST: light is reckoned at the corners, for machines that draw without a graphics card.
const VERTEX = `
attribute vec3 tint;
varying vec3 vTint;
#ifdef PAINTED
attribute vec4 paint;
varying vec4 vPaint;
#endif
#ifdef FIBRES
attribute vec2 grain;
varying vec2 vGrain;
#endif
#ifdef CUT
varying vec3 vPlace;
#endif
uniform float floorZ;
#ifdef FAST
uniform float opacity;
varying vec4 vLight;
varying float vAlpha;
${LIT}
#else
varying vec3 vNormal;
#endif
varying float vFloor;
void main() {
  vec4 place = modelMatrix * vec4(position, 1.0);
  vFloor = clamp((place.z - floorZ) / 30.0, 0.0, 1.0);
  vTint = tint;
  vec3 n = normalMatrix * normal;
#ifdef FAST
  n = normalize(n);
  float away = 1.0 - abs(n.z);
  vLight = lit(n, away);
  vAlpha = clear(opacity, away) * vFloor;
#else
  vNormal = n;
#endif
#ifdef PAINTED
  vPaint = paint;
#endif
#ifdef FIBRES
  vGrain = grain * vec2(${(0.01 / 48).toFixed(9)}, ${(0.01 / 24).toFixed(9)});
#endif
#ifdef CUT
  vPlace = place.xyz;
#endif
  gl_Position = projectionMatrix * viewMatrix * place;
#ifdef LIFTED
  gl_Position.z -= 0.00125 * gl_Position.w; // a millimetre nearer, for the thinned bone below may stand out a little too far
#endif
}`;

const FRAGMENT = `
uniform float opacity, glow, mute, painted;
uniform vec3 paper;
varying vec3 vTint;
varying float vFloor;
#ifdef FAST
varying vec4 vLight;
varying float vAlpha;
#else
varying vec3 vNormal;
${LIT}
#endif
#ifdef PAINTED
varying vec4 vPaint;
#endif
#ifdef FIBRES
uniform sampler2D fibres;
varying vec2 vGrain;
#endif
#ifdef CUT
varying highp vec3 vPlace;
uniform highp vec4 cutPlane, cutBall;
#endif
void main() {
#ifdef CUT
  if (dot(vPlace, cutPlane.xyz) > cutPlane.w && distance(vPlace, cutBall.xyz) < cutBall.w) discard;
#endif
  vec3 colour = vTint;
#ifdef FIBRES
  colour *= mix(0.72, 1.06, texture2D(fibres, vGrain).r);
#endif
#ifdef PAINTED
  colour = mix(colour, vPaint.rgb * (0.55 + 0.5 * dot(vTint, vec3(0.33))), vPaint.a * painted);
#endif
  colour = mix(colour, vec3(0.35 + 0.65 * dot(colour, vec3(0.3, 0.59, 0.11))), mute);
#ifdef FAST
  vec4 light = vLight;
  float alpha = vAlpha;
#else
  vec3 n = normalize(vNormal);
  if (!gl_FrontFacing) n = -n;
  float away = 1.0 - clamp(abs(n.z), 0.0, 1.0);
  vec4 light = lit(n, away);
  float alpha = clear(opacity, away) * vFloor;
#endif
#ifdef CUT
  if (!gl_FrontFacing) light = vec4(vec3(0.86), 0.0); // the inside, seen where it is cut, is as flat as the cut
#endif
  colour = colour * light.rgb + light.a;
  colour = mix(colour, colour * 1.08 + vec3(0.075, 0.06, 0.0), glow);
#ifdef GLASS
  gl_FragColor = vec4(colour, alpha);
#else
  gl_FragColor = vec4(mix(paper, colour, vFloor), 1.0);
#endif
}`;

const VEIL = 'void main() { gl_FragColor = vec4(1.0); }';

function unitOf(v) {
  const length = Math.hypot(...v);
  return v.map((x) => (x / length).toFixed(5)).join(', ');
}

// The ways in which one surface is drawn, each made when first wanted.
class Look {
  constructor(kind, shared, { painted, grained }) {
    this.defines = { ...(painted && { PAINTED: 1 }), ...(grained && { FIBRES: 1 }), ...(kind === 'skin' && { SOFT: 1 }), ...(kind === 'tool' && { FLAT: 1 }), ...(THIN.includes(kind) && { LIFTED: 1 }) };
    this.uniforms = { opacity: { value: 1 }, glow: { value: 0 }, mute: { value: 0 },
      gloss: { value: new THREE.Vector2(...(GLOSS[kind] || [0.05, 12])) }, ...shared };
    this.shell = SHELLS[kind] || 4;
    this.cuttable = !UNCUT.includes(kind);
    this.made = {};
    this.veil = new THREE.ShaderMaterial({ uniforms: this.uniforms, vertexShader: VERTEX, fragmentShader: VEIL, transparent: true,
      colorWrite: false, defines: this.defines, polygonOffset: true, polygonOffsetFactor: 0.5, polygonOffsetUnits: 2 });
  }

  material(glass, fast, cut) {
    const cutting = cut && this.cuttable, name = `${glass}${fast}${cutting}`;
    this.made[name] = this.made[name] || new THREE.ShaderMaterial({ uniforms: this.uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT,
      transparent: glass, depthWrite: !glass, side: cutting ? THREE.DoubleSide : THREE.FrontSide,
      defines: { ...this.defines, ...(glass && { GLASS: 1 }), ...(fast && { FAST: 1 }), ...(cutting && { CUT: 1 }) } });
    return this.made[name];
  }
}

// One thing that is drawn: a mesh, the veil before it where it is glass, and a coarser form for glass.
class Thing {
  constructor(key, kind, geometry, shared) {
    this.key = key; this.kind = kind; this.fine = geometry; this.ghost = null;
    this.opacity = 0;
    this.look = new Look(kind, shared, { painted: !!geometry.attributes.paint, grained: !!geometry.attributes.grain && !!shared.fibres.value });
    this.mesh = new THREE.Mesh(geometry, this.look.veil);
    this.veil = new THREE.Mesh(geometry, this.look.veil);
    this.mesh.name = key;
    this.veil.renderOrder = 2 * this.look.shell;
    for (const mesh of [this.mesh, this.veil]) mesh.visible = mesh.matrixAutoUpdate = false;
  }

  // Put on what an opacity asks for; `how`: {fast, cut, moving} of the view.
  dress(opacity, how) {
    const glass = opacity < 0.999;
    this.opacity = opacity;
    this.mesh.visible = opacity > 0.003;
    this.veil.visible = this.mesh.visible && glass;
    if (!this.mesh.visible) return;
    this.mesh.geometry = this.veil.geometry = glass && this.ghost && opacity < 0.5 && !how.fading ? this.ghost : this.fine;
    this.mesh.material = this.look.material(glass, how.fast, how.cut);
    this.mesh.renderOrder = glass ? 2 * this.look.shell + 1 : 0;
    this.look.uniforms.opacity.value = opacity;
  }
}
