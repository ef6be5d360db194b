// Shift, turn, scale, blur and noise by hand, one step along the slope of the loss, and what mean digits and two networks say.

import { forward, normalise, parseWeights, pixelGradient } from "./network.js";
import { Bars, announcer, arrayOf, button, choice, element, enlarge, paintGrey, paintSigned, panel, panels, rowsOf, slider, widePanel } from "./parts.js";
import { mse } from "./templates.js";

const clip = (v, low, high) => Math.min(Math.max(v, low), high);

// Each pixel [row, column] of the result is looked up in the image at rows × [row, column] + offset: between four pixels
// their weighted mean, outside nothing, as `affine_transform` of SciPy's ndimage has it.
function lookUp(image, [[a, b], [c, d]], offset) {
  return Uint8Array.from({ length: 784 }, (_, i) => {
    const row = Math.floor(i / 28), column = i % 28, y = a * row + b * column + offset[0], x = c * row + d * column + offset[1];
    if (y < 0 || x < 0 || y > 27 || x > 27) return 0;
    const top = Math.floor(y), left = Math.floor(x), below = Math.min(top + 1, 27), right = Math.min(left + 1, 27), v = y - top, h = x - left;
    return Math.floor((1 - v) * ((1 - h) * image[top * 28 + left] + h * image[top * 28 + right])
      + v * ((1 - h) * image[below * 28 + left] + h * image[below * 28 + right]) + 0.5);
  });
}

export const shift = (image, down, right) => image.map((_, i) => {
  const row = Math.floor(i / 28) - down, column = (i % 28) - right;
  return row < 0 || column < 0 || row > 27 || column > 27 ? 0 : image[row * 28 + column];
});

export function rotate(image, degrees) { // to the left, about the centre
  const angle = degrees * Math.PI / 180, c = Math.cos(angle), s = Math.sin(angle);
  return lookUp(image, [[c, s], [-s, c]], [13.5 - 13.5 * (c + s), 13.5 - 13.5 * (c - s)]);
}

export const scale = (image, factor) => lookUp(image, [[1 / factor, 0], [0, 1 / factor]], [13.5 - 13.5 / factor, 13.5 - 13.5 / factor]);

export function blur(image, sigma) { // rows, then columns; what is outside is a mirror image; fractions are cut off, as in SciPy
  const reach = Math.floor(4 * sigma + 0.5), raw = Array.from({ length: reach + 1 }, (_, j) => Math.exp(-0.5 / (sigma * sigma) * j * j));
  const sum = raw.reduce((a, v, j) => a + (j ? 2 * v : v), 0), kernel = raw.map((v) => v / sum);
  const mirrored = (i) => { const j = ((i % 56) + 56) % 56; return j < 28 ? j : 55 - j; };
  const along = (from, place) => Uint8Array.from({ length: 784 }, (_, i) => {
    const row = Math.floor(i / 28), column = i % 28;
    let value = from[i] * kernel[0];
    for (let j = reach; j > 0; j--) value += (from[place(row, column, -j)] + from[place(row, column, j)]) * kernel[j];
    return Math.floor(value);
  });
  return along(along(image, (row, column, j) => mirrored(row + j) * 28 + column), (row, column, j) => row * 28 + mirrored(column + j));
}

export const noise = (image, sd, chance) => image.map((p, i) => Math.round(clip(p + sd * chance[i], 0, 255)));

export function distort(image, by, chance) { // in the order of the page's sliders
  let made = by.down || by.right ? shift(image, by.down, by.right) : image;
  if (by.turn) made = rotate(made, -by.turn);
  if (by.size !== 1) made = scale(made, by.size);
  if (by.blur) made = blur(made, by.blur);
  return by.noise ? noise(made, by.noise, chance) : made;
}

// Each pixel by `epsilon` grey levels in the direction in which the loss rises (Goodfellow and others 2015).
export const attack = (image, slopes, epsilon) => image.map((p, i) => clip(p + epsilon * Math.sign(slopes[i]), 0, 255));

export default {
  render({ model, el }) {
    const weights = parseWeights(model.get("weights")), plain = parseWeights(model.get("plain")), images = rowsOf(model.get("images")), digits = arrayOf(model.get("digits")).values;
    const means = rowsOf(model.get("means")), chance = arrayOf(model.get("chance")).values, { line, say } = announcer(), drag = {};
    const picture = element("canvas", { class: "mf-map mf-drag", tabindex: "0", role: "application", "aria-roledescription": "picture to move",
      "aria-label": "The digit. Drag it, or use the arrow keys, to shift it.",
      onpointerdown: (e) => { picture.setPointerCapture(e.pointerId); Object.assign(drag, { x: e.clientX - right.value * cell(), y: e.clientY - down.value * cell(), on: true }); },
      onpointermove: (e) => { if (drag.on) move(Math.round((e.clientY - drag.y) / cell()), Math.round((e.clientX - drag.x) / cell())); },
      onpointerup: () => { drag.on = false; }, onpointercancel: () => { drag.on = false; },
      onkeydown: (e) => {
        const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
        if (!by) return;
        e.preventDefault();
        move(down.value + by[0], right.value + by[1]);
      } });
    const slope = element("canvas", { class: "mf-seen", role: "img" }), byMeans = new Bars(), byPlain = new Bars(), byNetwork = new Bars();
    const digit = choice({ label: "Digit", options: [...digits].map((d) => `a ${d}`), onchange: () => draw() });
    const ofPixels = (v) => `${v} pixel${Math.abs(v) === 1 ? "" : "s"}`, make = (label, min, max, step, value, show) => slider({ label, min, max, step, value, show, oninput: () => draw() });
    const right = make("To the right", -8, 8, 1, 0, ofPixels), down = make("Down", -8, 8, 1, 0, ofPixels);
    const turn = make("Turn", -60, 60, 1, 0, (v) => (v ? `${Math.abs(v)}° ${v < 0 ? "left" : "right"}` : "0°"));
    const size = make("Size", 0.5, 1.6, 0.05, 1, (v) => `× ${v.toFixed(2)}`), soft = make("Blur", 0, 3, 0.1, 0, (v) => v.toFixed(1));
    const grain = make("Noise", 0, 160, 5, 0, String), uphill = make("Adversarial step", 0, 64, 1, 0, (v) => `${v} of 255`);
    const cell = () => picture.getBoundingClientRect().width / 28;

    function move(rows, columns) {
      down.value = rows;
      right.value = columns;
      draw();
    }
    function draw() {
      const truth = digits[digit.value], by = { right: right.value, down: down.value, turn: turn.value, size: size.value, blur: soft.value, noise: grain.value };
      const spoilt = distort(images[digit.value], by, chance), slopes = pixelGradient(weights, normalise(spoilt), truth);
      const seen = attack(spoilt, slopes, uphill.value), { probs } = forward(weights, normalise(seen)), best = probs.indexOf(Math.max(...probs));
      const { probs: plainly } = forward(plain, normalise(seen)), first = plainly.indexOf(Math.max(...plainly));
      const row = Float32Array.from(seen, (p) => p / 255), errors = means.map((mean) => mse(row, mean)), nearest = errors.indexOf(Math.min(...errors));
      enlarge(picture, (c) => paintGrey(c, seen, 28), 28, 28, 10);
      const limit = slopes.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      paintSigned(slope, slopes, 28, limit);
      slope.setAttribute("aria-label", "The slope of the loss at each pixel: the loss rises where red ones get more ink, and where blue ones get less");
      byMeans.set(errors.map((e) => errors[nearest] / e), (i) => errors[i].toFixed(3));
      byPlain.set(plainly);
      byNetwork.set(probs);
      const step = uphill.value ? ` The step changed no pixel by more than ${uphill.value} of 255 grey levels.` : "";
      say(`It is a ${truth}. Nearest is the mean ${nearest}${nearest === truth ? "" : ", which is wrong"}. The network reads a ${best}, `
        + `${Math.round(100 * probs[best])}% sure${best === truth ? "" : ", and is wrong"}. Trained without distorted digits, it reads a ${first}, `
        + `${Math.round(100 * plainly[first])}% sure${first === truth ? "" : ", and is wrong"}.${step}`);
    }

    const back = button("As it was", () => {
      for (const control of [right, down, turn, soft, grain, uphill]) control.value = 0;
      size.value = 1;
      draw();
    });
    el.append(panels(panel("Drag the digit", picture, digit.el, element("div", { class: "mf-buttons" }, back)),
      widePanel("Spoil it", right.el, down.el, turn.el, size.el, soft.el, grain.el, uphill.el)),
    panels(widePanel("Mean squared error to each mean digit", byMeans.el), widePanel("A network that saw no distorted digits", byPlain.el), widePanel("The network, which saw them", byNetwork.el),
      panel("The slope at each pixel", slope)), line);
    draw();
  },
};
