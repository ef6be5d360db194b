// Draw a digit, and see it read: the front page's figure.

import { forward, normalise, parseWeights } from "./network.js";
import { Bars, Pad, announcer, button, element, paintGrey, panel, panels, rowsOf, widePanel } from "./parts.js";
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
    el.append(panels(
      panel("Draw a digit", pad.canvas, element("div", { class: "mf-buttons" }, button("Clear", () => pad.clear()),
        button("Show a test digit", () => pad.put(examples[next++ % examples.length])))),
      widePanel("What it says", line, bars.el), // on a phone right below the pad
      element("div", { class: "mf-panel mf-narrow" }, element("div", { class: "mf-title" }, "What the network sees"), seen)));
    read();
  },
};
