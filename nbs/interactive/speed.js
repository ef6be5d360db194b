// The one-cycle rate and what batch size does to the number of steps; channels first and channels last in memory.

import { Chart, announcer, button, choice, element, panel, slider } from "./parts.js";

const BATCHES = [32, 64, 128, 256, 512], CHANNELS = 4, PIXELS = 9, SIDE = 3;

// The rate of each step, as `one_cycle` of Chapter 7 has it: from a 25th of the peak up to it, then down to almost nothing.
export function oneCycle(steps, peak, warmUp, shape) {
  const first = peak / 25, last = first / 1e4, top = warmUp * (steps + 1) - 1;
  const between = { linear: (a, b, t) => a + (b - a) * t, cos: (a, b, t) => b + (a - b) / 2 * (1 + Math.cos(Math.PI * t)) }[shape];
  return Array.from({ length: steps }, (_, i) => (i <= top ? between(first, peak, i / top) : between(peak, last, (i - top) / (steps - top))));
}

// Where the number of a pixel in a channel lies, counted from 0.
export const place = { first: (channel, pixel) => channel * PIXELS + pixel, last: (channel, pixel) => pixel * CHANNELS + channel };

export default {
  render({ el }) {
    const { line, say } = announcer(), told = announcer(), state = { pixel: 4, channel: null };
    const make = (label, min, max, step, value, show) => slider({ label, min, max, step, value, show, oninput: () => draw() });
    const seen = make("Images seen", 8000, 80000, 8000, 24000, (v) => v.toLocaleString("en")), batch = make("Batch size", 0, 4, 1, 2, (i) => String(BATCHES[i]));
    const peak = make("Peak rate", 0.001, 0.02, 0.001, 0.01, (v) => v.toFixed(3)), warmUp = make("Peak after", 0.1, 0.5, 0.05, 0.2, (v) => `${Math.round(100 * v)}% of the steps`);
    const shape = choice({ label: "Shape", options: ["straight lines", "half a cosine each"], onchange: () => draw() });
    const chart = new Chart({ width: 560, x: { name: "step", from: 0, to: 1, ticks: [] },
      y: { name: "learning rate", from: 0, to: 0.02, ticks: [0, 0.005, 0.01, 0.015, 0.02], show: (v) => v.toFixed(3) } });

    function draw() {
      const kind = ["linear", "cos"][shape.value], stepsOf = (size) => Math.floor(seen.value / size), steps = stepsOf(BATCHES[batch.value]);
      const rates = oneCycle(steps, peak.value, warmUp.value, kind), longest = stepsOf(BATCHES[0]), highest = rates.indexOf(Math.max(...rates));
      Object.assign(chart.x, { to: longest, ticks: steps < 0.85 * longest && steps > 0.1 * longest ? [0, steps, longest] : [0, longest] });
      const others = BATCHES.filter((_, i) => i !== batch.value).map((size) => ({ faint: true, line: oneCycle(stepsOf(size), peak.value, warmUp.value, kind).map((r, i) => [i, r]) }));
      const sum = rates.reduce((a, r) => a + r, 0);
      const words = `${seen.value.toLocaleString("en")} images in batches of ${BATCHES[batch.value]} are ${steps.toLocaleString("en")} steps. `
        + `The rate climbs to ${peak.value.toFixed(3)} at step ${highest + 1} and falls again; all rates together make ${sum.toFixed(2)}.`;
      chart.set(`The learning rate against the step, with the other batch sizes as faint lines. ${words}`, ...others, { line: rates.map((r, i) => [i, r]) });
      say(words);
    }

    const box = (channel, pixel) => element("span", { class: "mf-box", "data-channel": channel, "data-pixel": pixel, style: `--share: ${8 + 12 * channel}%` }, String(pixel));
    const boxes = (of) => Array.from({ length: CHANNELS * PIXELS }, (_, at) => (of === "first" ? box(Math.floor(at / PIXELS), at % PIXELS) : box(at % CHANNELS, Math.floor(at / CHANNELS))));
    const range = (n) => Array.from({ length: n }, (_, i) => i), pick = (channel, pixel) => { Object.assign(state, { channel, pixel }); light(); };
    const maps = range(CHANNELS).map((c) => element("div", {}, button(`Channel ${c}`, () => pick(c, null)),
      element("div", { class: "mf-plane" }, ...range(PIXELS).map((p) => box(c, p)))));
    const memory = ["first", "last"].map((of) => element("div", { class: "mf-memory" }, ...boxes(of)));
    const chosen = choice({ label: "Pick", value: 4, options: [...range(PIXELS).map((p) => `pixel ${p}`), ...range(CHANNELS).map((c) => `channel ${c}`)],
      onchange: (i) => (i < PIXELS ? pick(null, i) : pick(i - PIXELS, null)) });
    const layout = element("div", { class: "mf-layout", onclick: (e) => {
      const hit = e.target.closest(".mf-box");
      if (hit) pick(null, Number(hit.dataset.pixel));
    } }, panel(`A picture of ${SIDE} by ${SIDE} pixels in ${CHANNELS} channels`, element("div", { class: "mf-maps" }, ...maps), chosen.el),
    panel("In memory, channels first", memory[0]), panel("In memory, channels last", memory[1]));

    function light() {
      const { channel, pixel } = state, wanted = (b) => (channel === null ? Number(b.dataset.pixel) === pixel : Number(b.dataset.channel) === channel);
      layout.querySelectorAll(".mf-box").forEach((b) => b.classList.toggle("mf-here", wanted(b)));
      chosen.value = channel === null ? pixel : PIXELS + channel;
      const places = (of) => (channel === null ? range(CHANNELS).map((c) => place[of](c, pixel)) : range(PIXELS).map((p) => place[of](channel, p)));
      const list = (of) => `${places(of).slice(0, -1).join(", ")} and ${places(of).at(-1)}`, apart = (of) => places(of)[1] - places(of)[0];
      const words = (of) => (apart(of) === 1 ? `side by side at ${list(of)}` : `${apart(of)} apart at ${list(of)}`);
      told.say(`The ${channel === null ? `${CHANNELS} numbers of pixel ${pixel}` : `${PIXELS} numbers of channel ${channel}`} lie ${words("first")} with channels first, and ${words("last")} with channels last.`);
    }

    el.append(panel("One cycle, and the number of steps", chart.el, seen.el, batch.el, peak.el, warmUp.el, shape.el), line, layout, told.line);
    draw();
    light();
  },
};
