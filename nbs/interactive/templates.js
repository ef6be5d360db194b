// Draw, and see how far the drawing is from each mean digit, and which pixels decide between the nearest two.

import { Bars, Pad, announcer, button, element, paintGrey, paintSigned, panel, panels, rowsOf, widePanel } from "./parts.js";
import { prepareDrawing } from "./prepare.js";

export const mse = (a, b) => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length;

// How much each pixel speaks for the template `near` and against `other`: the difference of the two squared errors.
export const votes = (image, near, other) => image.map((v, i) => (v - other[i]) ** 2 - (v - near[i]) ** 2);

export default {
  render({ model, el }) {
    const means = rowsOf(model.get("means")), examples = rowsOf(model.get("examples")), { line, say } = announcer();
    const nearest = element("canvas", { class: "mf-seen", role: "img" }), difference = element("canvas", { class: "mf-seen", role: "img" });
    const deciding = element("canvas", { class: "mf-seen", role: "img" }), bars = new Bars();
    let next = 0;

    function read() {
      const prepared = pad.empty ? null : prepareDrawing(pad.read());
      if (!prepared) {
        for (const canvas of [nearest, difference, deciding]) {
          paintGrey(canvas, new Uint8Array(784), 28);
          canvas.setAttribute("aria-label", "Empty until there is a drawing");
        }
        bars.set(null);
        say("Nothing to compare yet: draw a digit.");
        return;
      }
      const image = Float32Array.from(prepared.image, (p) => p / 255), errors = means.map((mean) => mse(image, mean));
      const order = [...errors.keys()].sort((a, b) => errors[a] - errors[b]), [first, second] = order;
      bars.set(errors.map((e) => errors[first] / e), (i) => errors[i].toFixed(3));
      paintGrey(nearest, means[first], 28, 1);
      paintSigned(difference, image.map((v, i) => v - means[first][i]), 28, 1);
      const votesOfPixels = votes(image, means[first], means[second]);
      paintSigned(deciding, votesOfPixels, 28, Math.max(...votesOfPixels.map(Math.abs)));
      nearest.setAttribute("aria-label", `The mean ${first}`);
      difference.setAttribute("aria-label", `The drawing minus the mean ${first}: red where it has more ink, blue where it has less`);
      deciding.setAttribute("aria-label", `Red pixels speak for ${first}, blue ones for ${second}`);
      say(`Nearest is the mean ${first}, with a mean squared error of ${errors[first].toFixed(3)}; next comes ${second} with ${errors[second].toFixed(3)}.`);
    }

    const pad = new Pad({ onchange: read });
    el.append(panels(
      panel("Draw a digit", pad.canvas, element("div", { class: "mf-buttons" }, button("Clear", () => pad.clear()),
        button("Show a test digit", () => pad.put(examples[next++ % examples.length])))),
      widePanel("Mean squared error to each mean digit", bars.el, line)),
    panels(panel("Nearest mean", nearest), panel("Drawing minus mean", difference), panel("What decides against the next", deciding)));
    read();
  },
};
