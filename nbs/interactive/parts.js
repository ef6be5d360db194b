// What several figures are made of.

// element("button", { type: "button", onclick: f }, "Clear"); attributes by name, functions as handlers
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  if (made.tabIndex >= 0) made.dataset.lmSuppressShortcuts = "true"; // else arrows and Enter would be JupyterLab's
  made.append(...children);
  return made;
}

const decoded = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

// An array from Python: { values, shape }
export function arrayOf({ dtype, shape, base64, bytes = decoded(base64) }) {
  const kinds = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };
  return { values: new kinds[dtype](bytes.buffer), shape };
}

// A large array, which travels compressed: what `arrayOf` and `rowsOf` take.
export async function unpacked(array) {
  const stream = new Blob([decoded(array.gzip)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return { ...array, bytes: new Uint8Array(await new Response(stream).arrayBuffer()) };
}

// Its parts along the first axis, such as the images of a stack.
export function rowsOf(array) {
  const { values, shape: [n, ...rest] } = arrayOf(array), size = rest.reduce((a, b) => a * b, 1);
  return Array.from({ length: n }, (_, i) => values.subarray(i * size, (i + 1) * size));
}

// A line that screen readers speak when it changes, but not at each stroke of a pen.
export function announcer() {
  const line = element("output", { class: "mf-answer", "aria-live": "polite" });
  let waiting;
  const say = (text) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (line.textContent !== text) line.textContent = text; }, 120);
  };
  return { line, say };
}

// The page's colours, so that a canvas follows the theme.
export function colours(el) {
  const style = getComputedStyle(el), of = (name, other) => style.getPropertyValue(name).trim() || other;
  return { ink: style.color, accent: of("--accent", "#0b6bcb"), line: of("--line", "#8888"), soft: of("--ink-soft", style.color) };
}

// Calls `repaint` when the theme changes, for as long as `el` is on the page. The site and notebooks note it on html or body.
export function onTheme(el, repaint) {
  const system = matchMedia("(prefers-color-scheme: dark)"), noted = new MutationObserver(changed);
  function changed() {
    if (el.isConnected) return repaint();
    noted.disconnect();
    system.removeEventListener("change", changed);
  }
  for (const of of [document.documentElement, document.body]) noted.observe(of, { attributeFilter: ["class", "data-scheme", "data-jp-theme-light"] });
  system.addEventListener("change", changed);
}

// Random numbers from 0 to 1, the same ones from the same seed (mulberry32).
export function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Grey values [rows × columns] on a canvas, bright values dark, as the course prints them; one pixel each, scaled by CSS.
export function paintGrey(canvas, values, columns, high = 255) {
  const rows = values.length / columns;
  canvas.width = columns; canvas.height = rows;
  const context = canvas.getContext("2d"), picture = context.createImageData(columns, rows);
  values.forEach((v, i) => {
    const grey = 255 - Math.round(255 * Math.min(Math.max(v / high, 0), 1));
    picture.data.set([grey, grey, grey, 255], 4 * i);
  });
  context.putImageData(picture, 0, 0);
}

// What `paint` puts on a small canvas, `scale` times as large, to draw more on: returns the canvas's context.
export function enlarge(canvas, paint, columns, rows, scale) {
  const small = element("canvas"), context = canvas.getContext("2d");
  paint(small);
  canvas.width = columns * scale; canvas.height = rows * scale;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return context;
}

// Blue below zero, white at zero, red above: matplotlib's RdBu_r at its ends and its middle.
export function paintSigned(canvas, values, columns, limit) {
  const rows = values.length / columns, blue = [5, 48, 97], white = [247, 247, 247], red = [103, 0, 31];
  const mid = { blue: [67, 147, 195], red: [214, 96, 77] };
  canvas.width = columns; canvas.height = rows;
  const context = canvas.getContext("2d"), picture = context.createImageData(columns, rows);
  values.forEach((v, i) => {
    const t = Math.min(Math.abs(v) / (limit || 1), 1), half = v < 0 ? mid.blue : mid.red, end = v < 0 ? blue : red;
    const mix = (a, b, s) => a.map((x, k) => x + (b[k] - x) * s);
    picture.data.set([...(t < 0.5 ? mix(white, half, 2 * t) : mix(half, end, 2 * t - 1)), 255], 4 * i);
  });
  context.putImageData(picture, 0, 0);
}

// A sheet to draw on with a mouse, a finger, or the keyboard: arrows move the pen, the space bar puts it down and up.
export class Pad {
  constructor({ side = 280, width = 22, onchange }) {
    Object.assign(this, { side, width, onchange, pen: [side / 2, side / 5], down: false, waiting: false });
    this.canvas = element("canvas", {
      class: "mf-pad", tabindex: "0", role: "application", "aria-roledescription": "drawing area", width: side, height: side,
      "aria-label": "Draw a digit here. Arrow keys move the pen, the space bar puts it down and lifts it, Delete clears.",
      onpointerdown: (e) => { this.canvas.setPointerCapture(e.pointerId); this.last = this.at(e); this.line(this.last); },
      onpointermove: (e) => { if (this.last) for (const part of e.getCoalescedEvents?.() ?? [e]) this.line(this.at(part)); },
      onpointerup: () => { this.last = null; },
      onpointercancel: () => { this.last = null; },
      onkeydown: (e) => this.key(e),
      onblur: () => { this.down = false; this.show(); },
    });
    this.ink = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
    Object.assign(this.ink, { lineCap: "round", lineJoin: "round", lineWidth: width });
    this.view = this.canvas.getContext("2d");
    this.empty = true;
    onTheme(this.canvas, () => this.changed()); // what is drawn from it may have a frame in the theme's colours
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * this.side, (event.clientY - box.top) / box.height * this.side];
  }

  line(to, from = this.last) {
    this.ink.beginPath();
    this.ink.moveTo(...from);
    this.ink.lineTo(...to);
    this.ink.stroke();
    [this.last, this.pen, this.empty] = [this.last && to, to, false];
    this.changed();
  }

  key(event) {
    const step = event.shiftKey ? 2 : 8, move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) {
      const to = this.pen.map((p, i) => Math.min(Math.max(p + move[i], 0), this.side));
      if (this.down) this.line(to, this.pen);
      else { this.pen = to; this.show(true); }
    } else if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.line(this.pen, this.pen);
      else this.show(true);
    } else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
  }

  clear() {
    this.ink.clearRect(0, 0, this.side, this.side);
    [this.empty, this.down, this.last] = [true, false, null];
    this.changed();
  }

  // An image of 28×28 bytes as the drawing.
  put(pixels) {
    this.clear();
    const small = new OffscreenCanvas(28, 28), context = small.getContext("2d"), picture = context.createImageData(28, 28);
    pixels.forEach((p, i) => picture.data.set([0, 0, 0, p], 4 * i));
    context.putImageData(picture, 0, 0);
    this.ink.drawImage(small, 0, 0, this.side, this.side);
    this.empty = false;
    this.changed();
  }

  read() { // the ink, from 0 to 1
    const { data } = this.ink.getImageData(0, 0, this.side, this.side);
    const values = new Float32Array(this.side * this.side);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i + 3] / 255;
    return { values, width: this.side, height: this.side };
  }

  show(pen = document.activeElement === this.canvas) {
    const { ink, accent } = colours(this.canvas);
    this.view.clearRect(0, 0, this.side, this.side);
    this.view.globalCompositeOperation = "source-over";
    this.view.drawImage(this.ink.canvas, 0, 0);
    this.view.globalCompositeOperation = "source-in";
    this.view.fillStyle = ink;
    this.view.fillRect(0, 0, this.side, this.side);
    this.view.globalCompositeOperation = "source-over";
    if (!pen || this.last) return;
    this.view.beginPath();
    this.view.arc(...this.pen, this.width / 2, 0, 2 * Math.PI);
    Object.assign(this.view, { strokeStyle: accent, fillStyle: accent, lineWidth: 2 });
    if (this.down) this.view.fill();
    else this.view.stroke();
  }

  changed() { // at most once for each picture of the screen
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.show(); this.onchange(); });
  }
}

// Ten bars, one for each digit.
export class Bars {
  constructor(names = [...Array(10).keys()]) {
    this.bars = names.map(() => element("span", { class: "mf-bar" }));
    this.values = names.map(() => element("span", { class: "mf-value" }));
    this.rows = names.map((name, i) => element("div", { class: "mf-row" }, element("span", { class: "mf-name" }, String(name)),
      element("span", { class: "mf-track" }, this.bars[i]), this.values[i]));
    this.el = element("div", { class: "mf-bars", "aria-hidden": "true" }, ...this.rows); // the answer says it in words
  }

  // Shares from 0 to 1, or null for none; `text` says what stands beside a bar.
  set(shares, text = (i) => (shares[i] >= 0.005 ? `${Math.round(100 * shares[i])}%` : "")) {
    const best = shares ? shares.indexOf(Math.max(...shares)) : -1;
    this.bars.forEach((bar, i) => {
      bar.style.width = `${shares ? 100 * shares[i] : 0}%`;
      this.values[i].textContent = shares ? text(i) : "";
      this.rows[i].classList.toggle("mf-best", i === best);
    });
  }
}

let labels = 0;

function labelled(text, control, ...after) {
  control.id = `mf-control-${++labels}`;
  return element("div", { class: "mf-control" }, element("label", { for: control.id }, text), control, ...after);
}

// A slider with its name and its value: { el, get value() }
export function slider({ label, min, max, step = 1, value, show = String, oninput }) {
  const shown = element("span", { class: "mf-shown" }, show(value));
  const control = element("input", { type: "range", min, max, step, value, "aria-valuetext": show(value), oninput: () => {
    set(Number(control.value));
    oninput(Number(control.value));
  } });
  function set(to) {
    control.value = to;
    shown.textContent = show(Number(control.value));
    control.setAttribute("aria-valuetext", shown.textContent);
  }
  return { el: labelled(label, control, shown), get value() { return Number(control.value); }, set value(to) { set(to); } };
}

export function choice({ label, options, value = 0, onchange }) { // options: the words to choose from
  const control = element("select", { onchange: () => onchange(control.selectedIndex) },
    ...options.map((name, i) => element("option", { selected: i === value }, name)));
  return { el: labelled(label, control), get value() { return control.selectedIndex; }, set value(i) { control.selectedIndex = i; } };
}

export function tick({ label, checked = false, onchange }) {
  const control = element("input", { type: "checkbox", checked, onchange: () => onchange(control.checked) });
  control.id = `mf-control-${++labels}`;
  const el = element("div", { class: "mf-control mf-tick" }, control, element("label", { for: control.id }, label));
  return { el, get value() { return control.checked; } };
}

export const button = (text, onclick) => element("button", { type: "button", onclick }, text);

export const panel = (title, ...children) => element("div", { class: "mf-panel" },
  element("div", { class: "mf-title" }, title), ...children);

// One that takes the room that is left.
export function widePanel(title, ...children) {
  const made = panel(title, ...children);
  made.classList.add("mf-grows");
  return made;
}

export const panels = (...children) => element("div", { class: "mf-panels" }, ...children);

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A chart that follows the theme, since it is SVG. An axis: { name, from, to, ticks, log, show }.
export class Chart {
  constructor({ x, y, width = 320, height = 210 }) {
    Object.assign(this, { x, y, width, height });
    this.el = svg("svg", { class: "mf-chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
  }

  at(x, y) { // a place in pixels; what is outside comes to the edge
    const share = (axis, v) => {
      const scale = axis.log ? Math.log : (u) => u, from = scale(axis.from);
      return Math.min(Math.max((scale(v) - from) / (scale(axis.to) - from), 0), 1);
    };
    return [46 + share(this.x, x) * (this.width - 64), this.height - 38 - share(this.y, y) * (this.height - 62)];
  }

  pointed({ clientX, clientY }) { // what a pointer points at, in units of the axes, which must not be logarithmic
    const box = this.el.getBoundingClientRect(), x = (clientX - box.left) / box.width * this.width, y = (clientY - box.top) / box.height * this.height;
    const shares = [(x - 46) / (this.width - 64), (this.height - 38 - y) / (this.height - 62)];
    return [this.x, this.y].map(({ from, to }, k) => from + Math.min(Math.max(shares[k], 0), 1) * (to - from));
  }

  // `label` says what is seen; then come points in the axes' units: { line } or { area } of many, or one { dot }; { faint } ones are thin or small.
  set(label, ...marks) {
    const { x, y, height } = this, edge = [this.at(x.from, y.from), this.at(x.to, y.to)];
    const text = (words, px, py, anchor) => svg("text", { x: px, y: py, "text-anchor": anchor }, words);
    const show = (axis, v) => (axis.show ?? String)(v);
    const made = [
      svg("path", { class: "mf-axes", d: `M${edge[0][0]} ${edge[1][1]}V${edge[0][1]}H${edge[1][0]}` }),
      text(x.name, (edge[0][0] + edge[1][0]) / 2, height - 6, "middle"), text(y.name, 4, 13, "start"),
      ...x.ticks.map((v) => text(show(x, v), this.at(v, y.from)[0], height - 22, "middle")),
      ...y.ticks.map((v) => text(show(y, v), 40, this.at(x.from, v)[1] + 4, "end")),
    ];
    for (const { line, area, dot, faint } of marks) {
      const path = (line ?? area ?? []).map((p) => this.at(...p).map((v) => v.toFixed(1)).join(" ")).join("L");
      const kind = `${dot ? "mf-dot" : area ? "mf-area" : "mf-line"}${faint ? " mf-faint" : ""}`;
      if (dot) made.push(svg("circle", { class: kind, r: faint ? 3 : 6, cx: this.at(...dot)[0], cy: this.at(...dot)[1] }));
      else if (path) made.push(svg("path", { class: kind, d: `M${path}` }));
    }
    this.el.replaceChildren(...made);
    this.el.setAttribute("aria-label", label);
  }
}
