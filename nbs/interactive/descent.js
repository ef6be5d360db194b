// A ball on the loss of two weights: its start, a learning rate and a momentum to set, and a rate that is too large diverges.

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
    const { line, say } = announcer(), state = { steps: 0 }, weight = { from: -REACH, to: REACH, ticks: [-REACH, 0, REACH] };
    const map = new Chart({ x: { ...weight, name: "first weight" }, y: { ...weight, name: "second weight" }, height: 320 });
    const curve = new Chart({ x: { name: "step", from: 0, to: MOST, ticks: [0, 20, 40, MOST] }, y: { name: "loss", from: 0 }, height: 320 });
    const contours = [0.25, 1, 2.25, 4, 6.25, 9, 12.25, 16].flatMap((level) => [1, -1].map((side) => ({ line: contour(level, side), faint: true })));
    const make = (label, min, max, step, value, oninput = () => draw()) => slider({ label, min, max, step, value, show: (v) => v.toFixed(2), oninput });
    const start = [["First weight", -2.4], ["Second weight", 1.6]].map(([label, value]) => make(label, -REACH, REACH, 0.05, value, () => restart()));
    const rate = make("Learning rate", 0.01, 0.6, 0.01, 0.1), momentum = make("Momentum", 0, 0.95, 0.05, 0);
    map.el.addEventListener("pointerdown", (e) => {
      map.pointed(e).forEach((x, k) => { start[k].value = x; });
      restart();
    });

    function restart() {
      state.steps = 0;
      draw();
    }

    function draw() {
      const path = descend(start.map((s) => s.value), rate.value, momentum.value, state.steps), losses = path.map(loss), first = losses[0], last = losses.at(-1);
      const round = Number(Math.max(Math.min(Math.max(...losses), 10 * first), 0.01).toPrecision(2)); // a start at the lowest point has no loss
      Object.assign(curve.y, { to: round, ticks: [0, round / 2, round] });
      map.set(`The loss over two weights as a map; the ball is at ${path.at(-1).map((x) => x.toFixed(2)).join(" and ")}`,
        ...contours, { line: path }, ...path.map((dot) => ({ dot, faint: true })), { dot: path.at(-1) });
      curve.set(`The loss after each step: at first ${first.toFixed(2)}, now ${last.toFixed(2)}`, { line: losses.map((l, i) => [i, l]) }, { dot: [state.steps, last] });
      const word = state.steps === 0 ? "Press Step." : last > first * 1.5 ? "It diverges: each step is too long and lands higher up."
        : last < 0.01 ? "It has arrived." : "";
      say(`After ${state.steps} step${state.steps === 1 ? "" : "s"} the loss is ${last < 1e4 ? last.toFixed(2) : last.toExponential(1)}. ${word}`);
    }

    const move = (n) => () => { state.steps = Math.min(state.steps + n, MOST); draw(); };
    el.append(panels(panel("Two weights and their loss", map.el), panel("The loss after each step", curve.el)), ...start.map((s) => s.el), rate.el, momentum.el,
      element("div", { class: "mf-buttons" }, button("Step", move(1)), button("Ten steps", move(10)),
        button("From the start", restart)), line);
    draw();
  },
};
