// Starts what answers to the reader, each part of a page when it comes near the window, and gives it what a notebook's
// widget gets: `model.get(name)`. Until then, without JavaScript and in print, its still form is shown. This file is no
// module, for it must say what is missing where modules do not run: in a page opened as a file, in an old browser.

(() => {
  async function fetched(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: status ${response.status}`);
    return response;
  }

  // Weights carry their sum in their name: weights-cbf43926.safetensors
  async function weightsFrom(url) {
    const { crc32 } = await import("./network.js"), buffer = await (await fetched(url)).arrayBuffer();
    const sum = crc32(new Uint8Array(buffer)).toString(16).padStart(8, "0");
    if (!url.includes(`-${sum}.`)) throw new Error(`${url} is not whole`);
    return buffer;
  }

  function stay(figure, why) {
    const said = document.createElement("p");
    said.className = "said";
    said.textContent = `This part of the page could not start, so it stays as it would be printed. ${why}`;
    figure.append(said);
    figure.dataset.state = "still";
  }

  async function start(figure) {
    const { module, data, weights, plain } = figure.dataset, el = document.createElement("div");
    el.hidden = true;
    el.className = "live";
    figure.append(el); // where it finds the page's colours
    try {
      const given = await (await fetched(data)).json();
      for (const [name, url] of Object.entries({ weights, plain })) if (url) given[name] = await weightsFrom(url);
      const { default: { render } } = await import(`./${module}.js`);
      await render({ model: { get: (name) => given[name] }, el });
    } catch (error) {
      el.remove();
      stay(figure, `Load the page again, or try a newer browser. (${error.message})`);
      return;
    }
    el.hidden = false;
    figure.querySelector(".still").hidden = true;
    figure.dataset.state = "live";
  }

  const figures = document.querySelectorAll("figure.interactive");
  if (location.protocol === "file:") {
    figures.forEach((figure) => stay(figure, "A browser runs it from a web server, and not from a file: make serve starts one."));
    return;
  }
  if (!window.IntersectionObserver) {
    figures.forEach(start);
    return;
  }
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      start(target);
    }
  }, { rootMargin: "300px" });
  figures.forEach((figure) => near.observe(figure));
})();
