// A ball on the loss of two weights: a learning rate and a momentum to set, and a rate that is too large diverges.

import { announcer, button, colours, element, panel, panels, slider } from "./parts.js";

// A valley four times as steep in one direction as in the other; its lowest point is at (0, 0).
const STEEP = [1, 4];
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

export default {
  render({ el }) {
    const SIDE = 320, REACH = 3, { line, say } = announcer(), state = { start: [-2.4, 1.6], steps: 0 };
    const map = element("canvas", { class: "mf-map", width: SIDE, height: SIDE, role: "img", onpointerdown: (e) => {
      const box = map.getBoundingClientRect(), place = (v, from, size) => ((v - from) / size) * 2 * REACH - REACH;
      state.start = [place(e.clientX, box.left, box.width), -place(e.clientY, box.top, box.height)];
      state.steps = 0;
      draw();
    } });
    const curve = element("canvas", { class: "mf-map", width: SIDE, height: SIDE, role: "img" });
    const rate = slider({ label: "Learning rate", min: 0.01, max: 0.6, step: 0.01, value: 0.1, show: (v) => v.toFixed(2), oninput: () => draw() });
    const momentum = slider({ label: "Momentum", min: 0, max: 0.95, step: 0.05, value: 0, show: (v) => v.toFixed(2), oninput: () => draw() });
    const to = (x, y) => [(x + REACH) / (2 * REACH) * SIDE, (REACH - y) / (2 * REACH) * SIDE];

    function draw() {
      const path = descend(state.start, rate.value, momentum.value, state.steps), { ink, accent } = colours(el);
      const first = loss(path[0]), losses = path.map(loss), last = losses.at(-1), here = path.at(-1);
      const context = map.getContext("2d");
      context.clearRect(0, 0, SIDE, SIDE);
      context.strokeStyle = ink; context.lineWidth = 1;
      for (const level of [0.25, 1, 2.25, 4, 6.25, 9, 12.25, 16]) {
        context.globalAlpha = 0.45;
        context.beginPath();
        context.ellipse(...to(0, 0), Math.sqrt(2 * level / STEEP[0]) * SIDE / 6, Math.sqrt(2 * level / STEEP[1]) * SIDE / 6, 0, 0, 7);
        context.stroke();
      }
      context.globalAlpha = 1;
      context.strokeStyle = accent; context.fillStyle = accent; context.lineWidth = 2;
      context.beginPath();
      path.forEach((p) => context.lineTo(...to(...p)));
      context.stroke();
      path.forEach((p, i) => {
        context.beginPath();
        context.arc(...to(...p), i === path.length - 1 ? 7 : 3, 0, 7);
        context.fill();
      });
      const plot = curve.getContext("2d"), top = Math.max(first, ...losses.filter(Number.isFinite).slice(0, 60), 1e-6);
      plot.clearRect(0, 0, SIDE, SIDE);
      plot.strokeStyle = ink; plot.fillStyle = ink; plot.font = "12px sans-serif";
      plot.strokeRect(40.5, 8.5, SIDE - 50, SIDE - 44);
      plot.fillText("step", SIDE / 2, SIDE - 8);
      plot.fillText("loss", 8, 20);
      plot.strokeStyle = accent; plot.lineWidth = 2;
      plot.beginPath();
      losses.slice(0, 61).forEach((l, i) => plot.lineTo(41 + i / 60 * (SIDE - 52), SIDE - 37 - Math.min(l / top, 1) * (SIDE - 52)));
      plot.stroke();
      map.setAttribute("aria-label", `The loss over two weights as a map; the ball is at ${here.map((x) => x.toFixed(2)).join(" and ")}`);
      curve.setAttribute("aria-label", `The loss after each step: at first ${first.toFixed(2)}, now ${last.toFixed(2)}`);
      const word = state.steps === 0 ? "Press Step." : last > first * 1.5 ? "It diverges: each step is too long and lands higher up."
        : last < 0.01 ? "It has arrived." : "";
      say(`After ${state.steps} step${state.steps === 1 ? "" : "s"} the loss is ${last < 1e4 ? last.toFixed(2) : last.toExponential(1)}. ${word}`);
    }

    const move = (n) => () => { state.steps = Math.min(state.steps + n, 60); draw(); };
    el.append(panels(panel("Two weights and their loss", map), panel("The loss after each step", curve)), rate.el, momentum.el,
      element("div", { class: "mf-buttons" }, button("Step", move(1)), button("Ten steps", move(10)),
        button("From the start", () => { state.steps = 0; draw(); })), line);
    draw();
  },
};
