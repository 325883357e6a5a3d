// The head on the page: what a step shows, names with lines to what they mean, which side is which.
const SVG = 'http://www.w3.org/2000/svg';
const TURN_DEG = 15, ZOOM = 1.2, MOVE_S = 1.6, NEEDLE_S = 4, PULSE_S = 7, STATION_PX = 15, GAP_PX = 8, NARROW_PX = 520;
const SEEN = { LR: 'view_behind', RL: 'view_front', AP: 'view_left', PA: 'view_right' };
const HANDS = { L: 'left', R: 'right', A: 'front', P: 'back' };

class Stage {
  constructor(data, still) {
    this.data = data;
    this.still = still;
    this.step = data.steps[0];
    this.tags = [];
    this.until = 0;
    this.playing = null;
    this.view = document.getElementById('view');
    this.canvas = document.getElementById('head');
    this.lines = document.getElementById('lines');
  }

  // Whether the head could be started; without WebGL the page shows still pictures.
  start() {
    const probe = document.createElement('canvas');
    if (!(probe.getContext('webgl2') || probe.getContext('webgl'))) return false;
    try {
      const model = document.getElementById('model').textContent.trim();
      this.viewer = new InionViewer(this.canvas, model, this.data.info, { reducedMotion: this.still });
    } catch (fault) {
      this.fault = String(fault);
      return false;
    }
    this.viewer.onpick((key) => { if (key) this.onpick?.(key); });
    for (const kind of ['pointerdown', 'pointermove', 'wheel', 'touchmove']) {
      this.canvas.addEventListener(kind, () => this.follow(0.6), { passive: true });
    }
    new ResizeObserver(() => this.follow(0.5)).observe(this.view);
    return true;
  }

  seconds(s) { return this.still ? 0 : s; }

  enter(step, words, first = false) {
    this.step = step;
    this.words = words;
    this.pause();
    const v = this.viewer, s = this.seconds(first ? 0 : MOVE_S);
    v.show(step.show, s);
    v.highlight(step.highlight);
    v.paint(step.paint);
    v.needle(step.needle === 'none' ? null : step.needle === 'moves' && !this.still ? 0 : 1);
    v.convergence(step.pulse ? 1 : null);
    v.goto(step.camera, s);
    this.name(step.names);
    this.stations(step.stations ?? []);
    this.follow(s + 1);
    if (step.needle === 'moves' || step.pulse) this.play(s);
  }

  // Run the needle or the pulse once; with reduced motion it stands at its end.
  play(wait = 0) {
    if (this.still || !(this.step.pulse || this.step.needle === 'moves')) return;
    const lasts = this.step.pulse ? PULSE_S : NEEDLE_S, begun = performance.now() + 1000 * wait;
    const from = this.at && this.at < 1 ? this.at : 0;
    const run = (now) => {
      const t = Math.min(from + Math.max(now - begun, 0) / 1000 / lasts, 1);
      this.at = t;
      if (this.step.pulse) this.viewer.convergence(t); else this.viewer.needle(t);
      if (t < 1) this.playing = requestAnimationFrame(run); else { this.playing = null; this.at = 0; this.onplay?.(); }
    };
    this.playing = requestAnimationFrame(run);
    this.onplay?.();
  }

  pause(keep = false) {
    if (this.playing) cancelAnimationFrame(this.playing);
    this.playing = null;
    if (!keep) this.at = 0;
    this.onplay?.();
  }

  turn(dx, dy) { this.viewer.turn(dx, dy); this.follow(0.8); }
  zoom(f) { this.viewer.zoom(f); this.follow(0.8); }
  home() { this.viewer.goto(this.step.camera, this.seconds(0.8)); this.follow(1.5); }

  // Names that stand in the picture: rows { at: [x, y, z] mm, text }.
  name(rows) {
    for (const tag of this.tags) tag.el.remove();
    this.lines.replaceChildren();
    this.tags = rows.map(({ at, text }) => {
      const el = document.createElement('span');
      el.className = 'tag';
      el.textContent = text;
      this.view.append(el);
      const [halo, line, dot] = [['line', 'halo'], ['line', 'line'], ['circle', 'dot']].map(([kind, look]) => {
        const part = document.createElementNS(SVG, kind);
        part.setAttribute('class', look);
        if (kind === 'circle') part.setAttribute('r', 5);
        this.lines.append(part);
        return part;
      });
      return { at, el, halo, line, dot };
    });
  }

  stations(rows) {
    for (const old of this.view.querySelectorAll('.station')) old.remove();
    this.marks = rows.map((at, i) => {
      const el = document.createElement('span');
      el.className = 'station';
      el.textContent = i + 1;
      this.view.append(el);
      return { at, el };
    });
  }

  // Keep names and sides with the picture for some seconds.
  follow(seconds) {
    this.until = Math.max(this.until, performance.now() + 1000 * seconds);
    if (!this.following) this.following = requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.place();
    const more = performance.now() < this.until || this.playing;
    this.following = more ? requestAnimationFrame(() => this.frame()) : null;
  }

  place() {
    const sides = this.viewer.sides(), seen = SEEN[sides.left + sides.right];
    const short = this.view.clientWidth < NARROW_PX;
    for (const where of ['left', 'right']) {
      const el = document.getElementById(`hand-${where}`), hand = HANDS[sides[where]];
      const letter = this.words[`letter_${hand}`] ?? '', named = hand === 'left' || hand === 'right';
      const text = named ? `${letter} · ${this.words[short ? hand : `patients_${hand}`]}` : letter;
      if (el.textContent !== text) el.textContent = text;
      el.hidden = !hand;
      el.dataset.side = sides[where];
    }
    const from = document.getElementById('seen');
    const view = this.words[seen] ?? '';
    if (from.textContent !== view) from.textContent = view;
    from.hidden = !view;
    const wide = this.view.clientWidth, high = this.view.clientHeight;
    for (const { at, el } of this.marks) {
      const [x, y] = this.viewer.project(at);
      el.style.transform = `translate(${(x - STATION_PX).toFixed(1)}px, ${(y - STATION_PX).toFixed(1)}px)`;
    }
    this.placeTags(wide, high);
  }

  // Names stand at the border nearer to their thing, one under the other, clear of the words above and below.
  placeTags(wide, high) {
    const tall = (id) => document.getElementById(id).offsetHeight;
    const top = tall('seen') + 8 + GAP_PX, low = high - Math.max(tall('hand-left'), tall('hand-right')) - 8 - GAP_PX;
    const rows = this.tags.map((tag) => ({ ...tag, to: this.viewer.project(tag.at), w: tag.el.offsetWidth, h: tag.el.offsetHeight }));
    rows.sort((a, b) => a.to[1] - b.to[1]);
    const next = { left: top, right: top };
    for (const row of rows) {
      const inside = row.to[0] > 0 && row.to[0] < wide && row.to[1] > 0 && row.to[1] < high;
      const column = row.to[0] < wide / 2 ? 'left' : 'right';
      const y = Math.max(next[column], Math.min(row.to[1] - row.h / 2 - 30, low - row.h));
      const x = column === 'left' ? GAP_PX : wide - row.w - GAP_PX;
      next[column] = y + row.h + GAP_PX;
      const shown = inside && y + row.h <= low + 1;
      for (const el of [row.el, row.halo, row.line, row.dot]) el.style.visibility = shown ? 'visible' : 'hidden';
      row.el.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
      const from = [Math.min(Math.max(row.to[0], x), x + row.w), Math.min(Math.max(row.to[1], y), y + row.h)];
      for (const line of [row.halo, row.line]) {
        for (const [name, value] of Object.entries({ x1: from[0], y1: from[1], x2: row.to[0], y2: row.to[1] })) line.setAttribute(name, value.toFixed(1));
      }
      row.dot.setAttribute('cx', row.to[0].toFixed(1));
      row.dot.setAttribute('cy', row.to[1].toFixed(1));
    }
  }
}
