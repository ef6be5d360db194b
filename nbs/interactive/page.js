// Starts a page's interactive figures, each when it comes near the window, and gives it what a notebook's widget gets:
// `model.get(name)`. Until then, without JavaScript and in print, a figure is its still picture.

import { crc32 } from "./network.js";

class PageModel {
  constructor(data) { this.data = data; }

  get(name) { return this.data[name]; }
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  return response;
}

// Weights carry their sum in their name: weights-cbf43926.safetensors
async function weightsFrom(url) {
  const buffer = await (await fetched(url)).arrayBuffer();
  const wanted = /-([0-9a-f]{8})\./.exec(url)?.[1];
  if (crc32(new Uint8Array(buffer)).toString(16).padStart(8, "0") !== wanted) throw new Error(`${url} is not whole`);
  return buffer;
}

export async function start(figure) {
  const { module, data, weights } = figure.dataset, el = document.createElement("div"), said = document.createElement("p");
  try {
    const given = data ? await (await fetched(data)).json() : {};
    if (weights) given.weights = await weightsFrom(weights);
    const { default: { render } } = await import(`./${module}.js`);
    await render({ model: new PageModel(given), el });
    el.className = "live";
    figure.querySelector(".still")?.setAttribute("hidden", "");
    figure.append(el);
  } catch (error) {
    said.className = "said";
    said.textContent = `This figure could not start, so here is its picture. Load the page again to try once more. (${error.message})`;
    figure.append(said);
  }
  figure.dataset.state = figure.querySelector(".live") ? "live" : "still";
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    start(target);
  }
}, { rootMargin: "300px" });
document.querySelectorAll("figure.interactive").forEach((figure) => near.observe(figure));
