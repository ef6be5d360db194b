// Draw a digit or give a photo, and see every stage of its preparation, the warnings and the answer.

import { like, resize, round } from "./filters.js";
import { forward, normalise, parseWeights } from "./network.js";
import { Bars, Pad, announcer, button, colours, element, panel, panels, widePanel } from "./parts.js";
import { openPicture } from "./picture.js";
import { prepareDigit } from "./prepare_photo.js";

const UNSURE = 0.8, SIDE = 140; // pixels of a drawing, so that its answer keeps up with the pen

// The digit, or null, and ten probabilities, as `predict_digit` of Chapter 9; it refuses what is below `least`.
export function predictDigit(weights, least, prepared) {
  if (!prepared.crop) return { digit: null, probs: null, warnings: prepared.warnings };
  const { probs } = forward(weights, normalise(prepared.image)), sure = Math.max(...probs), best = probs.indexOf(sure), share = `${round(100 * sure)}%`;
  if (sure < least) return { digit: null, probs, warnings: [...prepared.warnings, `not sure enough to answer: the best guess, ${best}, has ${share}`] };
  return { digit: best, probs, warnings: [...prepared.warnings, ...(sure < UNSURE ? [`the network is unsure: its best guess has ${share}`] : [])] };
}

function paint(canvas, { values, width, height }, black, white) { // what is black and what is white
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height), pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = 0xff000000 + 0x10101 * Math.round(255 * Math.min(Math.max((values[i] - black) / (white - black), 0), 1));
  context.putImageData(picture, 0, 0);
  return context;
}

const painted = () => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });

export default {
  render({ model, el }) {
    const weights = parseWeights(model.get("weights")), least = model.get("refuse_below"), examples = model.get("examples");
    const { line, say } = announcer(), bars = new Bars(), stages = element("div", { class: "mf-stages" });
    let next = 0, latest = 0, waiting = null; // which example comes next, which picture was given last, whether the pen's will be read

    function outlined(context, outline, { width, height }) {
      if (!outline) return;
      Object.assign(context, { lineWidth: Math.max(width, height) / 60, strokeStyle: colours(el).accent });
      context.beginPath();
      for (const [x, y] of outline) context.lineTo(x, y);
      context.closePath();
      context.stroke();
    }

    function show(prepared, name = "picture") {
      const { picture, outline, sheet, uneven, ink, mask, crop, fitted, image } = prepared, shown = [];
      const stage = (title, what, black, white) => {
        const canvas = element("canvas", { role: "img", "aria-label": title }), context = paint(canvas, what, black, white);
        shown.push(element("div", {}, canvas, `${title}, ${what.height}×${what.width}`));
        return context;
      };
      outlined(stage(name, picture, 0, 255), outline, picture);
      stage(outline ? "the sheet, cut out" : "no sheet cut out", sheet, 0, 255);
      stage("ink, light evened", uneven, 1, 0);
      stage(ink === uneven ? "no line removed" : "lines removed", ink, 1, 0);
      stage("the digit", { ...ink, values: ink.values.map((v, i) => v * mask.values[i]) }, 1, 0);
      if (crop) {
        stage("crop", crop, 1, 0);
        stage("scaled", fitted, 1, 0);
        stage("centred", { values: image, width: 28, height: 28 }, 255, 0);
      }
      stages.replaceChildren(...shown);
    }

    function answer(picture, name) {
      const prepared = prepareDigit(picture), { digit, probs, warnings } = predictDigit(weights, least, prepared);
      show(prepared, name);
      bars.set(probs);
      const found = digit === null ? "No digit." : `This is a ${digit} (${(100 * probs[digit]).toFixed(1)}%).`;
      say([found, ...warnings.map((w) => `Warning: ${w}${/[.?]$/.test(w) ? "" : "."}`)].join(" "));
    }

    function nothing(text) {
      stages.replaceChildren();
      bars.set(null);
      say(text);
    }

    async function read(blob, name) { // a photo takes a while: say so first
      const mine = ++latest, tell = async (text) => {
        line.textContent = text;
        await painted();
      };
      pad.clear();
      try {
        await tell("Reading the picture …");
        const picture = await openPicture(blob, (share) => tell(`Reading the picture: ${Math.round(100 * share)}% …`));
        if (mine === latest) answer(picture, name);
      } catch (error) {
        if (mine === latest) nothing(`${error.message[0].toUpperCase()}${error.message.slice(1)}.`);
      }
    }

    function draw() {
      waiting = null;
      if (pad.empty) return;
      latest++;
      const drawn = resize(pad.read(), SIDE, SIDE);
      answer(like(drawn, drawn.values.map((v) => Math.round(255 - 255 * v))), "drawing");
    }

    function clear() {
      latest++;
      pad.clear();
      nothing("Nothing to read yet: draw a digit, or give a photo.");
    }

    function given(event, { files } = {}) { // dropped or pasted
      if (!files?.length) return;
      event.preventDefault();
      read(files[0]);
    }

    const pad = new Pad({ onchange: () => { // the pen's line first, then what is read
      waiting ||= painted().then(draw);
    } });
    const file = element("input", { type: "file", accept: "image/*", "aria-label": "Choose a photo of one digit", onchange: () => {
      if (file.files.length) read(file.files[0]);
      file.value = ""; // the same one again is a new choice
    } });
    const over = (on) => (event) => {
      event.preventDefault();
      el.classList.toggle("mf-over", on);
    };
    el.addEventListener("dragover", over(true));
    el.addEventListener("dragleave", over(false));
    el.addEventListener("drop", (event) => { over(false)(event); given(event, event.dataTransfer); });
    el.addEventListener("paste", (event) => given(event, event.clipboardData));
    const example = () => {
      const [name, content] = examples[next++ % examples.length];
      read(new Blob([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))]), name);
    };
    el.append(panels(
      panel("Draw a digit", pad.canvas, element("div", { class: "mf-buttons" }, button("Clear", clear))),
      panel("Or give a photo of one", file, element("p", { class: "mf-note" }, "Choose it, drop it anywhere here, or paste it."),
        element("div", { class: "mf-buttons" }, button("Show an example photo", example)),
        element("p", { class: "mf-note" }, "Nothing leaves this page: your browser does it all.")),
      widePanel("What it says", bars.el, line)),
    panel("Every stage", stages));
    clear();
  },
};
