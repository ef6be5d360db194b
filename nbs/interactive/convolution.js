// A 3×3 kernel to edit, swept over a digit: padding, stride, ReLU and pooling to switch.

import { maxPool } from "./network.js";
import { announcer, button, choice, colours, element, enlarge, onTheme, paintGrey, paintSigned, panel, panels, rowsOf, slider, tick } from "./parts.js";

const KERNELS = {
  "Left edge": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  "Upper edge": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  "Every edge": [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  "Mean": Array(9).fill(0.11),
  "As it is": [0, 0, 0, 0, 1, 0, 0, 0, 0],
};

// The map of a kernel over an image [side × side] of values from 0 to 1: { values, side }
export function sweep(image, side, kernel, { padding, stride }) {
  const edge = padding ? 1 : 0, out = Math.floor((side + 2 * edge - 3) / stride) + 1, values = new Float32Array(out * out);
  const at = (y, x) => (y < 0 || x < 0 || y >= side || x >= side ? 0 : image[y * side + x]);
  for (let r = 0; r < out; r++) {
    for (let c = 0; c < out; c++) {
      let sum = 0;
      for (let k = 0; k < 9; k++) sum += kernel[k] * at(r * stride - edge + Math.floor(k / 3), c * stride - edge + (k % 3));
      values[r * out + c] = sum;
    }
  }
  return { values, side: out };
}

export default {
  render({ model, el }) {
    const images = rowsOf(model.get("images")).map((row) => Float32Array.from(row, (p) => p / 255));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { line, say } = announcer(), state = { image: 0, place: 0, timer: 0 };
    const input = element("canvas", { class: "mf-map", role: "img" }), output = element("canvas", { class: "mf-map", role: "img" });
    const boxes = Array.from({ length: 9 }, (_, k) => element("input", {
      type: "number", step: "0.5", value: KERNELS["Left edge"][k], "aria-label": `Weight in row ${Math.floor(k / 3) + 1}, column ${(k % 3) + 1}`,
      oninput: () => draw(),
    }));
    const kernel = () => boxes.map((box) => Number(box.value) || 0);
    const names = Object.keys(KERNELS);
    const preset = choice({ label: "Kernel", options: names, onchange: (i) => {
      boxes.forEach((box, k) => { box.value = KERNELS[names[i]][k]; });
      draw();
    } });
    const digit = choice({ label: "Digit", options: images.map((_, i) => `image ${i + 1}`), onchange: (i) => { state.image = i; draw(); } });
    const padding = tick({ label: "Padding of one pixel", checked: true, onchange: () => draw() });
    const stride = tick({ label: "Stride of two", onchange: () => draw() });
    const relu = tick({ label: "ReLU", onchange: () => draw() });
    const pool = tick({ label: "Max-pooling, 2×2", onchange: () => draw() });
    const place = slider({ label: "Place", min: 0, max: 783, value: 0, show: (p) => `${p + 1}`, oninput: (p) => { stop(); state.place = p; draw(); } });
    const go = button("Sweep", () => (state.timer ? stop() : start()));

    function step() {
      state.place = (state.place + 1) % state.count;
      draw();
    }
    function start() {
      if (still) { state.place = (state.place + 28) % state.count; draw(); return; } // no motion: a row further
      state.timer = setInterval(() => (el.isConnected ? step() : stop()), 40);
      go.textContent = "Stop";
    }
    function stop() {
      clearInterval(state.timer);
      state.timer = 0;
      go.textContent = "Sweep";
    }

    function mark(canvas, x, y, size, scale) { // a frame on the enlarged picture
      const context = canvas.getContext("2d");
      context.strokeStyle = colours(el).accent;
      context.lineWidth = 2;
      context.strokeRect(x * scale, y * scale, size * scale, size * scale);
    }
    function draw() {
      const image = images[state.image], weights = kernel(), options = { padding: padding.value, stride: stride.value ? 2 : 1 };
      const raw = sweep(image, 28, weights, options), limit = raw.values.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-6);
      let { values, side } = raw;
      if (relu.value) values = values.map((v) => Math.max(v, 0));
      if (pool.value) { values = maxPool(values, 1, side); side >>= 1; }
      state.count = raw.side * raw.side;
      if (state.place >= state.count) state.place = 0;
      place.value = state.place;
      const row = Math.floor(state.place / raw.side), column = state.place % raw.side, edge = options.padding ? 1 : 0;
      enlarge(input, (c) => paintGrey(c, image, 28, 1), 28, 28, 10);
      mark(input, column * options.stride - edge, row * options.stride - edge, 3, 10);
      enlarge(output, (c) => paintSigned(c, values, side, limit), side, side, 280 / side);
      const share = pool.value ? 2 : 1;
      if (Math.max(row, column) < side * share) mark(output, Math.floor(column / share), Math.floor(row / share), 1, 280 / side);
      const sum = raw.values[state.place], shown = relu.value ? Math.max(sum, 0) : sum;
      input.setAttribute("aria-label", `The digit with the kernel's window at row ${row + 1}, column ${column + 1}`);
      output.setAttribute("aria-label", `The map, ${side} by ${side}: blue below zero, red above`);
      if (!state.timer) say(`Row ${row + 1}, column ${column + 1}: the nine products add up to ${sum.toFixed(2)}${relu.value ? `, after ReLU ${shown.toFixed(2)}` : ""}. The map is ${side} by ${side}.`);
    }

    el.append(panels(
      panel("A digit", input, digit.el),
      panel("The kernel", element("div", { class: "mf-kernel" }, ...boxes), preset.el, padding.el, stride.el),
      panel("Its map", output, relu.el, pool.el)),
    place.el, element("div", { class: "mf-buttons" }, button("Step", () => { stop(); step(); }), go), line);
    onTheme(el, draw);
    draw();
  },
};
