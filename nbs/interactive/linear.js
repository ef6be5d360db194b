// A linear classifier on real training images, trained in the page while its ten templates change.

import { connect, softmax } from "./network.js";
import { Bars, Chart, announcer, arrayOf, button, choice, element, paintGrey, paintSigned, panel, panels, rowsOf, slider, unpacked, widePanel } from "./parts.js";

export const BATCH = 64;
const RATES = [0.01, 0.03, 0.1, 0.3, 1, 3, 10], PICKED = 20;

// 784 pixels -> 10 scores: all weights zero, or the mean digits and minus half their squared lengths, as Chapter 3 has it.
export function newModel(means) {
  const weight = { values: new Float32Array(7840), shape: [10, 784] }, bias = { values: new Float32Array(10) };
  means?.forEach((mean, d) => {
    weight.values.set(mean, 784 * d);
    bias.values[d] = -mean.reduce((sum, v) => sum + v * v, 0) / 2;
  });
  return { weight, bias };
}

export function meansOf(images, labels) { // of each digit
  const means = Array.from({ length: 10 }, () => new Float32Array(784));
  images.forEach((image, i) => { image.forEach((v, k) => { means[labels[i]][k] += v; }); });
  return means.map((sum, d) => sum.map((v) => v / labels.filter((label) => label === d).length));
}

export function lossOf(scores, label) { // −log p of the right digit
  const top = Math.max(...scores);
  return Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0)) + top - scores[label];
}

// One step of gradient descent, as `sgd_step` of Chapter 3 takes it: returns the mean loss before the step.
export function step({ weight, bias }, images, labels, rate) {
  const slopes = new Float64Array(7840), share = 1 / images.length;
  let loss = 0;
  const errors = images.map((image, i) => {
    const scores = connect(image, weight, bias);
    loss += lossOf(scores, labels[i]) * share;
    return softmax(scores).map((p, d) => (p - (d === labels[i])) * share);
  });
  errors.forEach((error, i) => {
    const image = images[i];
    for (let d = 0, at = 0; d < 10; d++) for (let k = 0; k < 784; k++, at++) slopes[at] += error[d] * image[k];
    error.forEach((e, d) => { bias.values[d] -= rate * e; });
  });
  slopes.forEach((slope, at) => { weight.values[at] -= rate * slope; });
  return loss;
}

export const batchAt = (count, n) => Array.from({ length: BATCH }, (_, i) => (count * BATCH + i) % n); // of step `count`

export default {
  async render({ model, el }) {
    const read = async (name) => rowsOf(await unpacked(model.get(name))).map((row) => Float32Array.from(row, (p) => p / 255));
    const images = await read("images"), others = await read("others");
    const labels = arrayOf(model.get("labels")).values, answers = arrayOf(model.get("answers")).values;
    const motion = !matchMedia("(prefers-reduced-motion: reduce)").matches, pass = images.length / BATCH;
    const { line, say } = announcer(), state = { count: 0, going: false };
    const pictures = Array.from({ length: 10 }, () => element("canvas"));
    const ten = element("div", { class: "mf-ten", role: "img" }, ...pictures.map((picture, d) => element("div", {}, picture, String(d))));
    const deepest = element("div", { class: "mf-note" }), bars = new Bars();
    const picture = element("canvas", { class: "mf-seen", role: "img" });
    const picked = choice({ label: "Image", options: Array.from({ length: PICKED }, (_, i) => `number ${i + 1}, a ${answers[i]}`), onchange: () => draw() });
    const curve = new Chart({ x: { name: "p, the probability of the right digit", from: 0, to: 1, ticks: [0, 0.5, 1] },
      y: { name: "−log p", from: 0, to: 5, ticks: [0, 1, 2, 3, 4, 5] } });
    const course = new Chart({ x: { name: "step", from: 0, to: 100, ticks: [] }, y: { name: "correct", from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1],
      show: (v) => `${100 * v}%` } });
    const logs = Array.from({ length: 101 }, (_, i) => Math.exp(-5 * (1 - i / 100))).map((p) => [p, -Math.log(p)]);
    const rate = slider({ label: "Learning rate", min: 0, max: RATES.length - 1, value: 3, show: (i) => String(RATES[i]), oninput: () => {} });
    const start = choice({ label: "Start from", options: ["all weights zero", "the mean digits"], onchange: () => restart() });
    const go = button("Start", () => (state.going ? pause() : run()));

    function restart() {
      pause();
      state.model = newModel(start.value ? meansOf(images, labels) : null);
      state.count = 0;
      state.history = [];
      measure();
    }
    function advance() {
      const batch = batchAt(state.count++, images.length);
      step(state.model, batch.map((i) => images[i]), batch.map((i) => labels[i]), RATES[rate.value]);
    }
    function measure() {
      const correct = others.filter((image, i) => {
        const scores = connect(image, state.model.weight, state.model.bias);
        return scores.indexOf(Math.max(...scores)) === answers[i];
      }).length;
      state.history.push([state.count, correct / others.length]);
      draw();
    }
    function run() {
      if (!motion) { for (let i = 0; i < pass; i++) advance(); measure(); return; } // no motion: one pass at once
      state.going = true;
      go.textContent = "Pause";
      const frame = () => {
        if (!state.going || !el.isConnected) return;
        advance();
        measure();
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    }
    function pause() {
      state.going = false;
      go.textContent = "Start";
    }

    function draw() {
      const { weight, bias } = state.model, mean = new Float32Array(784);
      weight.values.forEach((w, at) => { mean[at % 784] += w / 10; });
      const centred = weight.values.map((w, at) => w - mean[at % 784]); // softmax sees differences only
      const limit = centred.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      pictures.forEach((canvas, d) => paintSigned(canvas, centred.subarray(784 * d, 784 * (d + 1)), 28, limit));
      deepest.textContent = limit ? `Deepest red: ${limit.toFixed(2)}, deepest blue: −${limit.toFixed(2)}` : "All are zero so far";
      ten.setAttribute("aria-label", `The ten templates after ${state.count} steps: red pixels speak for a digit, blue ones against it`);
      const i = picked.value, scores = connect(others[i], weight, bias), probs = softmax(scores), p = probs[answers[i]], loss = lossOf(scores, answers[i]);
      paintGrey(picture, others[i], 28, 1);
      picture.setAttribute("aria-label", `A handwritten ${answers[i]}`);
      bars.set(probs);
      curve.set(`The curve of −log p; the dot is at p = ${p.toFixed(2)}, where the loss is ${loss.toFixed(2)}`, { line: logs }, { dot: [p, loss] });
      const last = state.history.at(-1)[1], reach = Math.max(100, state.count);
      Object.assign(course.x, { to: reach, ticks: [0, reach] });
      course.set(`The share of correct answers against steps; ${(100 * last).toFixed(1)}% after ${state.count} steps`,
        { line: state.history }, { dot: [state.count, last] });
      say(`${state.count} step${state.count === 1 ? "" : "s"} of ${BATCH} images: ${(100 * last).toFixed(1)}% of ${others.length} other images are read correctly. `
        + `The picked ${answers[i]} gets p = ${p.toFixed(2)}, so its loss is ${loss.toFixed(2)}.`);
    }

    el.append(
      panel("The ten templates: what speaks for a digit, and against it", ten, deepest),
      element("div", { class: "mf-buttons" }, go, button("Step", () => { pause(); advance(); measure(); }), button("From the start", restart)),
      rate.el, start.el,
      panels(panel("An image that it is not trained on", picture, picked.el), widePanel("What is said of it", bars.el)),
      panels(panel("The loss of this image", curve.el), panel(`Correct among ${others.length} images that it is not trained on`, course.el)), line);
    restart();
  },
};
