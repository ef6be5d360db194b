// A confusion matrix whose cells open their images, a threshold and what it costs, and an interval that widens.

import { Chart, announcer, arrayOf, button, choice, element, paintGrey, panel, panels, randomFrom, rowsOf, slider, unpacked, widePanel } from "./parts.js";

const OPENED = 12; // images behind a cell, at most
const SIZES = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;

// Wilson's interval at 95%, as `accuracy_interval` of Chapter 2.
export function wilson(correct, n) {
  const z = 1.959963984540054, p = correct / n, middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const half = z / (1 + z * z / n) * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return [Math.max(middle - half, 0), Math.min(middle + half, 1)];
}

// The images whose answer is as sure as `threshold` or surer are answered: counts [true digit][answer], how many are
// answered, and how many of those are wrong.
export function judged(labels, { answers, sure }, threshold) {
  const counts = Array.from({ length: 10 }, () => Array(10).fill(0));
  let answered = 0, wrong = 0;
  labels.forEach((label, i) => {
    if (sure[i] < threshold) return;
    counts[label][answers[i]]++;
    answered++;
    wrong += label !== answers[i];
  });
  return { counts, answered, wrong };
}

export function shuffled(n, seed) { // the numbers below n in an order of chance (Fisher and Yates)
  const random = randomFrom(seed), order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

export default {
  async render({ model, el }) {
    const labels = arrayOf(model.get("labels")).values, kept = [...arrayOf(model.get("kept")).values];
    const pictures = new Map(rowsOf(await unpacked(model.get("images"))).map((row, i) => [kept[i], row]));
    const method = (name) => ({ answers: arrayOf(model.get(`${name}_answers`)).values, sure: arrayOf(model.get(`${name}_sure`)).values });
    const methods = [method("network"), method("templates")], { line, say } = announcer();
    const state = { cell: [4, 9], seed: 1 }, opened = element("div", { class: "mf-opened" }), title = element("div", { class: "mf-note" });
    const which = choice({ label: "Answers of", options: ["the network", "the mean digits"], onchange: () => { count(); draw(); } });
    const threshold = slider({ label: "Threshold", min: 0, max: 1, step: 0.01, value: 0, show: (v) => v.toFixed(2), oninput: () => draw() });
    const size = slider({ label: "Images", min: 0, max: SIZES.length - 1, value: 5, show: (i) => SIZES[i].toLocaleString("en"), oninput: () => draw() });
    const costs = new Chart({ x: { name: "share of images answered", from: 0, to: 1, ticks: [], show: (v) => percent(v, 0) },
      y: { name: "errors among the answered", from: 0, to: 1, ticks: [] } });
    const widths = new Chart({ x: { name: "images", from: 10, to: 10000, ticks: [10, 100, 1000, 10000], log: true, show: (v) => v.toLocaleString("en") },
      y: { name: "accuracy and its 95% interval", from: 0.5, to: 1, ticks: [0.5, 0.6, 0.7, 0.8, 0.9, 1], show: (v) => percent(v, 0) } });
    const open = (row, column) => { state.cell = [row, column]; draw(); };
    const cells = Array.from({ length: 10 }, (_, row) => Array.from({ length: 10 }, (__, column) => element("td", {
      tabindex: "-1", onclick: () => { open(row, column); cells[row][column].focus(); }, onkeydown: (e) => {
        const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
        if (!move) return;
        e.preventDefault();
        const to = state.cell.map((v, i) => Math.min(Math.max(v + move[i], 0), 9));
        open(...to);
        cells[to[0]][to[1]].focus();
      } })));
    const table = element("table", { class: "mf-confusion", role: "grid", "aria-label": "Confusion matrix. Arrow keys move from cell to cell, and open its images." },
      element("thead", {}, element("tr", {}, element("td", {}), ...cells.map((_, d) => element("th", { scope: "col" }, String(d))))),
      element("tbody", {}, ...cells.map((row, d) => element("tr", {}, element("th", { scope: "row" }, String(d)), ...row))));

    function count() { // the curve over all thresholds
      state.curve = Array.from({ length: 101 }, (_, i) => judged(labels, methods[which.value], i / 100)).filter(({ answered }) => answered)
        .map(({ answered, wrong }) => [answered / labels.length, wrong / answered]);
      const top = Math.max(...state.curve.map(([, errors]) => errors), 0.001), least = Math.min(Math.floor(100 * state.curve.at(-1)[0]) / 100, 0.99);
      Object.assign(costs.x, { from: least, ticks: [least, 1] });
      Object.assign(costs.y, { to: top, ticks: [0, top], show: (v) => percent(v) });
    }

    function draw() {
      const { answers, sure } = methods[which.value], limit = threshold.value, { counts, answered, wrong } = judged(labels, methods[which.value], limit);
      const [row, column] = state.cell, most = counts.reduce((a, r, i) => Math.max(a, ...r.filter((_, j) => j !== i)), 1);
      cells.forEach((cellsOfRow, r) => cellsOfRow.forEach((cell, c) => {
        const n = counts[r][c], here = r === row && c === column;
        cell.textContent = n || "";
        cell.setAttribute("aria-label", `${n} of digit ${r} read as ${c}`);
        cell.setAttribute("aria-selected", here);
        cell.tabIndex = here ? 0 : -1;
        cell.style.setProperty("--share", r === c ? "0%" : `${Math.round(38 * Math.sqrt(n / most))}%`);
      }));
      const all = [...labels.keys()].filter((i) => labels[i] === row && answers[i] === column && sure[i] >= limit);
      const shown = all.filter((i) => pictures.has(i)).sort((a, b) => (row === column ? sure[a] - sure[b] : sure[b] - sure[a])).slice(0, OPENED);
      const many = counts[row][column] === 1 ? "1 image" : `${counts[row][column]} images`;
      opened.replaceChildren(...shown.map((i) => {
        const canvas = element("canvas", { role: "img", "aria-label": `Test image ${i}, a ${row} read as ${column}` });
        paintGrey(canvas, pictures.get(i), 28);
        return element("div", {}, canvas, sure[i].toFixed(2));
      }));
      title.textContent = `${many} of a ${row} read as ${column}${counts[row][column] > shown.length ? `; here are ${shown.length}` : ""}`
        + (shown.length ? `, the ${row === column ? "least sure" : "surest"} first. Below each: how sure.` : ".");
      const share = answered / labels.length, errors = answered ? wrong / answered : 0;
      const cost = answered ? `At the threshold ${limit.toFixed(2)}, ${percent(share)} of the images are answered; wrong answers among them: ${wrong}, or ${percent(errors, 2)}.`
        : `At the threshold ${limit.toFixed(2)} no image is answered.`;
      costs.set(`Errors among the answered images against the share that is answered. ${cost}`, { line: state.curve }, ...(answered ? [{ dot: [share, errors] }] : []));
      const order = shuffled(labels.length, state.seed), right = SIZES.map((n) => order.slice(0, n).filter((i) => labels[i] === answers[i]).length);
      const ends = SIZES.map((n, i) => wilson(right[i], n)), at = size.value, n = SIZES[at], [low, high] = ends[at];
      widths.y.from = Math.floor(10 * Math.min(...ends.map(([l]) => l))) / 10;
      widths.y.ticks = Array.from({ length: Math.round(10 * (1 - widths.y.from)) + 1 }, (_, i) => widths.y.from + i / 10);
      const told = `Of ${n.toLocaleString("en")} images ${right[at].toLocaleString("en")} are read correctly: ${percent(right[at] / n)}, interval from ${percent(low)} to ${percent(high)}.`;
      widths.set(`Accuracy with its interval against the number of images. ${told}`,
        { area: [...ends.map(([l], i) => [SIZES[i], l]), ...ends.map(([, h], i) => [SIZES[i], h]).reverse()] },
        { line: right.map((k, i) => [SIZES[i], k / SIZES[i]]) }, { dot: [n, right[at] / n] });
      say(`${cost} ${told} ${title.textContent}`);
    }

    el.append(which.el, panels(panel("A row for each digit, a column for what it is read as: choose a cell", table), widePanel("The images of the cell", title, opened)),
      panels(panel("What a threshold costs", threshold.el, costs.el),
        panel("How far to trust the accuracy", size.el, element("div", { class: "mf-buttons" }, button("Draw other images", () => { state.seed++; draw(); })), widths.el)), line);
    count();
    draw();
  },
};
