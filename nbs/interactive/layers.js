// A drawn digit through every layer: choose a unit, and see its patch of the picture, its inputs and their sum. Cover
// a part of the digit; change the trained network for one with weights by chance.

import { forward, normalise, parseWeights } from "./network.js";
import { Bars, Pad, announcer, button, choice, colours, element, enlarge, paintGrey, paintSigned, panel, panels, randomFrom, rowsOf, tick, widePanel } from "./parts.js";
import { prepareDrawing } from "./prepare.js";

// name: [maps, side, columns of the mosaic]
const LAYERS = {
  conv1: [16, 28, 8], relu1: [16, 28, 8], pool1: [16, 14, 8], conv2: [32, 14, 8], relu2: [32, 14, 8], pool2: [32, 7, 8],
  conv3: [64, 7, 16], relu3: [64, 7, 16], pool3: [64, 3, 16], fc1: [128, 1, 16], relu4: [128, 1, 16], fc2: [10, 1, 10],
};
const ORDER = ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3", "pool3"];
const COVER = 7; // pixels
const TERMS = 5; // of a sum over all inputs, the largest
const TITLES = { conv: "inputs × weights, summed over its channels", relu: "its input, or 0 if that is negative",
  pool: "the largest of its four inputs", fc: "inputs × weights, summed over all its inputs" };

// The rows (or columns) of the picture that a unit in row `y` of a layer depends on, the first and the last.
export function field(layer, y) {
  if (!ORDER.includes(layer)) return [0, 27];
  let [from, to] = [y, y];
  for (const name of ORDER.slice(0, ORDER.indexOf(layer) + 1).reverse()) {
    if (name.startsWith("conv")) [from, to] = [from - 1, to + 1];
    if (name.startsWith("pool")) [from, to] = [2 * from, 2 * to + 1];
  }
  return [Math.max(from, 0), Math.min(to, 27)];
}

// Weights by chance, as PyTorch starts a layer: even between ±1/√inputs.
export function untrained(weights, seed = 1) {
  const made = {}, random = randomFrom(seed);
  for (const [name, { shape }] of Object.entries(weights)) {
    const layer = weights[name.replace("bias", "weight")].shape, bound = 1 / Math.sqrt(layer.slice(1).reduce((a, b) => a * b, 1));
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (2 * random() - 1) * bound);
    made[name] = { values, shape };
  }
  return made;
}

const total = (numbers) => numbers.reduce((a, b) => a + b, 0), largest = (numbers) => numbers.reduce((best, v, i) => (Math.abs(v) > Math.abs(numbers[best]) ? i : best), 0);
const show = (v) => v.toFixed(2).replace("-0.00", "0.00");

// What goes into one unit: its kind, its value, and
//   conv: its bias, whether it is at the edge, and for each channel the nine { inputs, weights, products } and their sum;
//   relu: its input; pool: its four inputs;
//   fc: its bias, and the { from, input, weight, product } of every input, the largest product, of either sign, first.
export function inputsOf(weights, made, layer, map, y, x) {
  const [, side] = LAYERS[layer], kind = layer.slice(0, -1), n = Number(layer.at(-1)), place = map * side ** 2 + y * side + x, value = made[layer][place];
  if (kind === "relu") return { kind, value, input: made[n === 4 ? "fc1" : `conv${n}`][place] };
  if (kind === "pool") {
    const before = `relu${n}`, wide = LAYERS[before][1];
    return { kind, value, inputs: [0, 1, wide, wide + 1].map((k) => made[before][(map * wide + 2 * y) * wide + 2 * x + k]) };
  }
  const { values, shape: [, channels] } = weights[`${layer}.weight`], bias = weights[`${layer}.bias`].values[map];
  if (kind === "fc") {
    const before = n === 1 ? made.pool3 : made.relu4; // 64 maps of 3 × 3, or 128 units
    const from = (i) => (n === 1 ? `map ${Math.floor(i / 9) + 1}, row ${Math.floor(i / 3) % 3 + 1}, column ${i % 3 + 1}` : `unit ${i + 1}`);
    const terms = Array.from(before, (input, i) => ({ from: from(i), input, weight: values[map * channels + i], product: input * values[map * channels + i] }));
    return { kind, value, bias, terms: terms.sort((a, b) => Math.abs(b.product) - Math.abs(a.product)) };
  }
  const before = n === 1 ? made.input : made[`pool${n - 1}`];
  const parts = Array.from({ length: channels }, (_, c) => {
    const inputs = Array.from({ length: 9 }, (__, k) => {
      const row = y + Math.floor(k / 3) - 1, column = x + (k % 3) - 1;
      return row < 0 || column < 0 || row >= side || column >= side ? 0 : before[(c * side + row) * side + column];
    });
    const nine = values.subarray((map * channels + c) * 9, (map * channels + c) * 9 + 9), products = inputs.map((v, k) => v * nine[k]);
    return { inputs, weights: nine, products, sum: total(products) };
  });
  return { kind, value, bias, edge: Math.min(y, x) === 0 || Math.max(y, x) === side - 1, parts };
}

// Numbers in rows, which a screen reader reads as a table.
function table(label, columns, rows) {
  const made = element("div", { class: "mf-numbers", role: "table", "aria-label": label });
  made.style.gridTemplateColumns = columns;
  for (const cells of rows) {
    const row = element("div", { role: "row" }, ...cells.map((cell) => element("span", { role: "cell" }, cell)));
    row.style.display = "contents";
    made.append(row);
  }
  return made;
}

const square = (label, numbers) => {
  const side = Math.sqrt(numbers.length), all = Array.from(numbers, show);
  return element("div", {}, element("p", { "aria-hidden": "true" }, label),
    table(label, `repeat(${side}, 2.6rem)`, Array.from({ length: side }, (_, r) => all.slice(r * side, (r + 1) * side))));
};

export default {
  render({ model, el }) {
    const trained = parseWeights(model.get("weights")), chance = untrained(trained), examples = rowsOf(model.get("examples"));
    const { line, say } = announcer(), state = { unit: [0, 14, 14], cover: null, image: null, next: 0 };
    const seen = element("canvas", { class: "mf-map mf-drag", tabindex: "0", role: "application", "aria-roledescription": "picture to cover",
      "aria-label": "The prepared digit. Press, or use the arrow keys, to cover a part of it; Escape uncovers it.",
      onpointerdown: (e) => { seen.setPointerCapture(e.pointerId); cover(e); }, onpointermove: (e) => { if (seen.hasPointerCapture(e.pointerId)) cover(e); },
      onlostpointercapture: () => uncover(), // however a press ends, and wherever
      onkeydown: (e) => {
        const move = { ArrowLeft: [0, -2], ArrowRight: [0, 2], ArrowUp: [-2, 0], ArrowDown: [2, 0] }[e.key];
        if (e.key === "Escape") uncover();
        else if (move) { state.cover = (state.cover ?? [12, 12]).map((v, i) => Math.min(Math.max(v + move[i], 3), 24)); draw(); } else return;
        e.preventDefault();
      } });
    const mosaic = element("canvas", { class: "mf-mosaic", tabindex: "0", role: "application", "aria-roledescription": "maps of a layer",
      "aria-label": "The maps of the chosen layer. Arrow keys move from unit to unit.",
      onpointerdown: (e) => pick(e), onkeydown: (e) => {
        const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
        if (!move) return;
        e.preventDefault();
        const [maps, side, columns] = LAYERS[layerName()], [map, y, x] = state.unit;
        const row = Math.floor(map / columns) * side + y + move[0], column = (map % columns) * side + x + move[1];
        const next = Math.floor(row / side) * columns + Math.floor(column / side);
        if (row < 0 || column < 0 || column >= columns * side || next >= maps) return;
        state.unit = [next, row % side, column % side];
        draw();
      } });
    const bars = new Bars(), title = element("div", { class: "mf-title" }), channels = element("div"), sums = element("div", { class: "mf-sums" });
    const names = Object.keys(LAYERS), layerName = () => names[layer.value];
    const layer = choice({ label: "Layer", options: names.map((n) => `${n}: ${LAYERS[n][0]} × ${LAYERS[n][1]} × ${LAYERS[n][1]}`), onchange: () => {
      const middle = LAYERS[layerName()][1] >> 1;
      state.unit = [0, middle, middle];
      offer();
      draw();
    } });
    const random = tick({ label: "Weights by chance, untrained", onchange: () => draw() });

    let channel;
    function offer() { // the channels of a convolution that has several
      const n = layerName().startsWith("conv") ? trained[`${layerName()}.weight`].shape[1] : 1;
      channel = choice({ label: "Channel", options: ["the one that counts most", ...Array.from({ length: n }, (_, c) => `${c + 1}`)], onchange: () => draw() });
      channels.replaceChildren(...(n > 1 ? [channel.el] : []));
    }
    // What is shown of a unit, and what is said of it.
    function explain({ kind, value, bias, input, inputs, edge, parts, terms }) {
      const shown = show(value);
      if (kind === "relu") return [[element("p", {}, `max(0, ${show(input)}) = ${shown}`)], `Its input is ${show(input)}.`];
      if (kind === "pool") return [[square("Its inputs", inputs), element("p", {}, `Their maximum is ${shown}.`)], `The largest of ${inputs.map(show).join(", ")}.`];
      if (kind === "fc") {
        const first = terms.slice(0, TERMS), rest = terms.slice(TERMS), row = (t) => [t.from, show(t.input), show(t.weight), show(t.product)];
        const made = table("The largest terms and their sum", "minmax(0, 12rem) 3.2rem 4.2rem 3.6rem", [["from", "input", "×\u00a0weight", "=\u00a0term"], ...first.map(row),
          [`${rest.length} others`, "", "", show(total(rest.map((t) => t.product)))], ["bias", "", "", show(bias)], ["sum", "", "", shown]]);
        for (const cells of made.children) cells.firstChild.style.textAlign = "start";
        made.lastChild.style.fontWeight = "700";
        return [[made], `Its largest term is ${show(first[0].product)}, from ${first[0].from}.`];
      }
      const sumOf = parts.map((p) => p.sum), c = channel.value ? channel.value - 1 : largest(sumOf), { products, ...part } = parts[c];
      const nine = element("div", { class: "mf-maps" }, square(`Inputs of channel ${c + 1}`, part.inputs), square("× weights", part.weights), square("= products", products));
      const all = sumOf.flatMap((v, i) => [i === c ? element("strong", {}, show(v)) : show(v), " + "]);
      return [[nine, element("p", {}, `${edge ? "Outside the map, every input is 0. " : ""}The products add up to ${show(part.sum)}. ${parts.length > 1 ? "With the other channels and the bias:" : "With the bias:"}`),
        element("p", {}, ...all, `bias ${show(bias)} = ${shown}`)], parts.length > 1 ? `Channel ${c + 1} of ${parts.length} adds ${show(part.sum)}.` : `The nine products add up to ${show(part.sum)}.`];
    }

    const place = (event, canvas, columns, rows) => {
      const box = canvas.getBoundingClientRect();
      return [Math.floor((event.clientY - box.top) / box.height * rows), Math.floor((event.clientX - box.left) / box.width * columns)];
    };
    function cover(event) {
      state.cover = place(event, seen, 28, 28).map((v) => Math.min(Math.max(v, 3), 24));
      draw();
    }
    function uncover() { state.cover = null; draw(); }
    function pick(event) {
      const [maps, side, columns] = LAYERS[layerName()], rows = Math.ceil(maps / columns);
      const [row, column] = place(event, mosaic, columns * side, rows * side), map = Math.floor(row / side) * columns + Math.floor(column / side);
      if (map < maps) state.unit = [map, row % side, column % side];
      draw();
    }

    function draw() {
      const name = layerName(), [maps, side, columns] = LAYERS[name], rows = Math.ceil(maps / columns), scale = side > 7 ? 2 : side > 1 ? 4 : 16;
      const pixels = state.image ? state.image.slice() : new Uint8Array(784);
      if (state.cover) {
        const [y, x] = state.cover, half = COVER >> 1;
        for (let r = y - half; r <= y + half; r++) for (let c = x - half; c <= x + half; c++) pixels[r * 28 + c] = 0;
      }
      const weights = random.value ? chance : trained, input = normalise(pixels), made = { input, ...forward(weights, input) };
      const values = made[name], limit = values.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-6), [map, y, x] = state.unit;
      const tiles = new Float32Array(columns * side * rows * side);
      values.forEach((v, i) => {
        const m = Math.floor(i / (side * side)), r = Math.floor(i / side) % side, c = i % side;
        tiles[(Math.floor(m / columns) * side + r) * columns * side + (m % columns) * side + c] = v;
      });
      const { accent } = colours(el), tiled = (c) => paintSigned(c, tiles, columns * side, limit);
      const context = enlarge(mosaic, tiled, columns * side, rows * side, scale);
      Object.assign(context, { strokeStyle: accent, lineWidth: 2 });
      context.strokeRect((map % columns) * side * scale, Math.floor(map / columns) * side * scale, side * scale, side * scale);
      context.strokeRect(((map % columns) * side + x) * scale - 1, (Math.floor(map / columns) * side + y) * scale - 1, scale + 2, scale + 2);
      const view = enlarge(seen, (c) => paintGrey(c, pixels, 28), 28, 28, 10), [top, bottom] = field(name, y), [left, right] = field(name, x);
      Object.assign(view, { strokeStyle: accent, lineWidth: 2 });
      view.strokeRect(left * 10, top * 10, (right - left + 1) * 10, (bottom - top + 1) * 10);
      if (state.cover) {
        view.fillStyle = accent;
        view.globalAlpha = 0.35;
        view.fillRect((state.cover[1] - 3) * 10, (state.cover[0] - 3) * 10, COVER * 10, COVER * 10);
        view.globalAlpha = 1;
      }
      const unit = inputsOf(weights, made, name, map, y, x), [parts, how] = explain(unit);
      title.textContent = `The chosen unit: ${TITLES[unit.kind]}`;
      sums.replaceChildren(...parts);
      bars.set(state.image ? made.probs : null);
      const best = made.probs.indexOf(Math.max(...made.probs));
      const reads = state.image ? `${state.cover ? "Partly covered, the" : "The"} ${random.value ? "untrained network" : "network"} reads a ${best}, ${Math.round(100 * made.probs[best])}% sure.`
        : "Nothing to read yet: draw a digit.";
      const at = side > 1 ? `, row ${y + 1}, column ${x + 1}` : "";
      say(`${reads} Unit ${map + 1} of ${name}${at}: ${show(unit.value)}. ${how} It depends on ${bottom - top + 1} by ${right - left + 1} pixels.`);
    }

    const pad = new Pad({ onchange: () => {
      state.image = pad.empty ? null : prepareDrawing(pad.read())?.image ?? null;
      draw();
    } });
    el.append(panels(
      panel("Draw a digit", pad.canvas, element("div", { class: "mf-buttons" }, button("Clear", () => pad.clear()),
        button("Show a test digit", () => pad.put(examples[state.next++ % examples.length])))),
      panel("Cover it with a finger", seen),
      widePanel("The answer", bars.el, random.el)),
    element("div", { class: "mf-panel" }, layer.el, mosaic, title, channels, sums), line);
    offer();
    draw();
  },
};
