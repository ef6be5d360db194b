// A ball on the loss of two weights: a learning rate and a momentum to set, and a rate that is too large diverges.

import { Chart, announcer, button, element, panel, panels, slider } from "./parts.js";

// A valley four times as steep in one direction as in the other; its lowest point is at (0, 0).
const STEEP = [1, 4], REACH = 3, MOST = 60;
export const loss = ([a, b]) => (STEEP[0] * a * a + STEEP[1] * b * b) / 2;
export const gradient = ([a, b]) => [STEEP[0] * a, STEEP[1] * b];

export function descend(start, rate, momentum, steps) { // the ball's places, the first included
  const path = [start];
  let speed = [0, 0], at = start;
  for (let i = 0; i < steps; i++) {
    const slope = gradient(at);
    speed = speed.map((v, k) => momentum * v - rate * slope[k]);
    at = at.map((x, k) => x + speed[k]);
    path.push(at);
  }
  return path;
}

// Where the loss is `level`, above (side 1) or below (side -1) the first weight's axis: half an ellipse, or what fits.
function contour(level, side) {
  const wide = Math.min(Math.sqrt(2 * level / STEEP[0]), REACH);
  return Array.from({ length: 37 }, (_, i) => {
    const a = wide * Math.cos(i * Math.PI / 36);
    return [a, side * Math.sqrt(Math.max(2 * level - STEEP[0] * a * a, 0) / STEEP[1])];
  });
}

export default {
  render({ el }) {
    const { line, say } = announcer(), state = { start: [-2.4, 1.6], steps: 0 }, weight = { from: -REACH, to: REACH, ticks: [-REACH, 0, REACH] };
    const map = new Chart({ x: { ...weight, name: "first weight" }, y: { ...weight, name: "second weight" }, height: 320 });
    const curve = new Chart({ x: { name: "step", from: 0, to: MOST, ticks: [0, 20, 40, MOST] }, y: { name: "loss", from: 0 }, height: 320 });
    const contours = [0.25, 1, 2.25, 4, 6.25, 9, 12.25, 16].flatMap((level) => [1, -1].map((side) => ({ line: contour(level, side), faint: true })));
    const rate = slider({ label: "Learning rate", min: 0.01, max: 0.6, step: 0.01, value: 0.1, show: (v) => v.toFixed(2), oninput: () => draw() });
    const momentum = slider({ label: "Momentum", min: 0, max: 0.95, step: 0.05, value: 0, show: (v) => v.toFixed(2), oninput: () => draw() });
    map.el.addEventListener("pointerdown", (e) => {
      state.start = map.pointed(e);
      state.steps = 0;
      draw();
    });

    function draw() {
      const path = descend(state.start, rate.value, momentum.value, state.steps), losses = path.map(loss), first = losses[0], last = losses.at(-1);
      const top = Math.max(first, ...losses, 0.01), round = Number(Math.min(top, 10 * first).toPrecision(2));
      Object.assign(curve.y, { to: round, ticks: [0, round / 2, round] });
      map.set(`The loss over two weights as a map; the ball is at ${path.at(-1).map((x) => x.toFixed(2)).join(" and ")}`,
        ...contours, { line: path }, ...path.map((dot) => ({ dot, faint: true })), { dot: path.at(-1) });
      curve.set(`The loss after each step: at first ${first.toFixed(2)}, now ${last.toFixed(2)}`, { line: losses.map((l, i) => [i, l]) }, { dot: [state.steps, last] });
      const word = state.steps === 0 ? "Press Step." : last > first * 1.5 ? "It diverges: each step is too long and lands higher up."
        : last < 0.01 ? "It has arrived." : "";
      say(`After ${state.steps} step${state.steps === 1 ? "" : "s"} the loss is ${last < 1e4 ? last.toFixed(2) : last.toExponential(1)}. ${word}`);
    }

    const move = (n) => () => { state.steps = Math.min(state.steps + n, MOST); draw(); };
    el.append(panels(panel("Two weights and their loss", map.el), panel("The loss after each step", curve.el)), rate.el, momentum.el,
      element("div", { class: "mf-buttons" }, button("Step", move(1)), button("Ten steps", move(10)),
        button("From the start", () => { state.steps = 0; draw(); })), line);
    draw();
  },
};
