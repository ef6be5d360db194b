// A digit whose pixels tell their value; a threshold and a gamma to move, and the three channels of a colour picture.

import { announcer, choice, colours, element, enlarge, onTheme, paintGrey, panel, panels, rowsOf, slider, widePanel } from "./parts.js";

export function changed(pixels, threshold, gamma) { // bytes -> bytes
  return pixels.map((p) => (threshold > 0 ? (p >= threshold ? 255 : 0) : Math.round(255 * (p / 255) ** gamma)));
}

export default {
  render({ model, el }) {
    const images = rowsOf(model.get("images")), { line, say } = announcer(), state = { image: 0, at: 14 * 28 + 14, said: false };
    const canvas = element("canvas", { class: "mf-map mf-large", tabindex: "0", role: "application", "aria-roledescription": "picture",
      "aria-label": "A digit of 28 by 28 pixels. Arrow keys move from pixel to pixel, and each one's value is said.",
      onpointermove: (e) => point(e), onpointerdown: (e) => point(e), onkeydown: (e) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -28, ArrowDown: 28 }[e.key];
        if (!step) return;
        e.preventDefault();
        state.at = Math.min(Math.max(state.at + step, 0), 783);
        draw();
      } });
    const around = element("div", { class: "mf-numbers", "aria-hidden": "true" });
    const channel = choice({ label: "Show", options: ["grey", "red channel", "green channel", "blue channel"], onchange: () => draw() });
    const digit = choice({ label: "Digit", options: images.map((_, i) => `image ${i + 1}`), onchange: (i) => { state.image = i; draw(); } });
    const threshold = slider({ label: "Threshold", min: 0, max: 255, value: 0, show: (v) => (v ? `${v}` : "off"), oninput: () => draw() });
    const gamma = slider({ label: "Gamma", min: 0.2, max: 3, step: 0.1, value: 1, show: (v) => v.toFixed(1), oninput: () => draw() });

    function point(event) {
      const box = canvas.getBoundingClientRect(), part = (v, from, size) => Math.min(27, Math.max(0, Math.floor((v - from) / size * 28)));
      state.at = part(event.clientY, box.top, box.height) * 28 + part(event.clientX, box.left, box.width);
      draw();
    }

    function draw() {
      const original = images[state.image], shown = changed(original, threshold.value, gamma.value);
      const context = enlarge(canvas, (c) => paintGrey(c, shown, 28), 28, 28, 12), row = Math.floor(state.at / 28), column = state.at % 28;
      Object.assign(context, { strokeStyle: colours(el).accent, lineWidth: 2 });
      context.strokeRect(column * 12, row * 12, 12, 12);
      around.replaceChildren(...Array.from({ length: 25 }, (_, i) => {
        const y = row + Math.floor(i / 5) - 2, x = column + (i % 5) - 2, inside = y >= 0 && x >= 0 && y < 28 && x < 28;
        const cell = element("span", { class: i === 12 ? "mf-here" : "" }, inside ? String(shown[y * 28 + x]) : "");
        return cell;
      }));
      const greys = new Set(shown).size, ink = shown.filter((v) => v).length;
      const which = ["", " in the red channel; green and blue say the same", " in the green channel; red and blue say the same",
        " in the blue channel; red and green say the same"][channel.value];
      say(`Row ${row + 1}, column ${column + 1}: ${shown[state.at]}${which}. The picture has ${greys} different values; ${ink} of 784 pixels hold ink.`);
    }

    el.append(panels(panel("Point at a pixel", canvas), widePanel("The values round about", around, digit.el, channel.el, threshold.el, gamma.el)), line);
    onTheme(el, draw);
    draw();
  },
};
