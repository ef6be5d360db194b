// Draw a digit, and see it read: the front page's figure.

import { forward, normalise, parseWeights } from "./network.js";
import { Bars, Pad, announcer, element, paintGrey, rowsOf } from "./parts.js";
import { prepareDrawing } from "./prepare.js";

export default {
  render({ model, el }) {
    const weights = parseWeights(model.get("weights")), examples = rowsOf(model.get("examples"));
    const { line, say } = announcer(), bars = new Bars(), seen = element("canvas", { class: "mf-seen", "aria-hidden": "true" });
    let next = 0;

    function read() {
      const prepared = pad.empty ? null : prepareDrawing(pad.read());
      paintGrey(seen, prepared?.image ?? new Uint8Array(784), 28);
      if (!prepared) {
        bars.set(null);
        say("Nothing to read yet: draw a digit.");
        return;
      }
      const { probs } = forward(weights, normalise(prepared.image)), best = probs.indexOf(Math.max(...probs));
      bars.set(probs);
      say(`The network reads a ${best}, ${Math.round(100 * probs[best])}% sure.`);
    }

    const pad = new Pad({ onchange: read });
    const clear = element("button", { type: "button", onclick: () => pad.clear() }, "Clear");
    const example = element("button", { type: "button", onclick: () => pad.put(examples[next++ % examples.length]) }, "Show a test digit");
    el.append(element("div", { class: "mf-panels" },
      element("div", { class: "mf-panel" }, element("div", { class: "mf-title" }, "Draw a digit"), pad.canvas,
        element("div", { class: "mf-buttons" }, clear, examples.length ? example : "")),
      element("div", { class: "mf-panel" }, element("div", { class: "mf-title" }, "What the network sees"), seen),
      element("div", { class: "mf-panel mf-grows" }, element("div", { class: "mf-title" }, "What it says"), bars.el, line)));
    read();
  },
};
