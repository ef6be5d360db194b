// Recall questions, with any number of tries and an answer to each, tasks to be ticked, and a count of both. The browser
// remembers them.

import { button, element } from "./parts.js";

const PLACE = "mnist_nb questions", CHANGED = "mnist_nb-answered";
let kept; // where the browser may not remember them, the answers last as long as the page

// { key of a question: position of the answer that was checked last; key of a task that is done: true }
export function remembered() {
  try { return kept ?? { ...JSON.parse(localStorage.getItem(PLACE)) }; } catch { return {}; }
}

export function remember(answers) {
  kept = undefined;
  try { localStorage.setItem(PLACE, JSON.stringify(answers)); } catch { kept = answers; }
  window.dispatchEvent(new Event(CHANGED)); // the same question may be shown twice, and counted elsewhere
}

export const words = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
const spoken = () => element("output", { class: "mf-feedback", "aria-live": "polite" });

function asked({ key, number, question, answers }) { // { el, show }: the question as a form, and what brings it up to date
  const said = spoken();
  let shown; // the answer whose feedback is to be seen
  const say = (...parts) => { said.replaceChildren(...parts); said.className = "mf-feedback"; };
  const choices = answers.map(() => element("input", { type: "radio", name: "answer", onchange: () => { shown = undefined; say(); } }));
  const el = element("form", { class: "mf-question", onsubmit: (event) => {
    event.preventDefault();
    const chosen = choices.findIndex((choice) => choice.checked);
    shown = undefined;
    if (chosen < 0) say("Choose an answer first.");
    else remember({ ...remembered(), [key]: chosen });
  } },
  element("fieldset", {}, element("legend", {}, ...words(`${number}. ${question}`)),
    ...answers.map(({ text }, i) => element("label", {}, choices[i], element("span", {}, ...words(text))))),
  element("div", { class: "mf-buttons" }, element("button", { type: "submit" }, "Check")), said);

  function show(all) {
    const chosen = all[key], answer = answers[chosen];
    if (chosen === shown) return; // else a choice that was not yet checked would be lost
    if (answer) {
      choices[chosen].checked = true;
      say(element("strong", {}, answer.right ? "Right. " : "Not this one. "), ...words(answer.feedback));
      said.classList.add(answer.right ? "mf-right" : "mf-other");
    } else if (shown !== undefined) { // started again
      el.reset();
      say();
    }
    shown = chosen;
  }
  return { el, show };
}

function listed(tasks) { // tasks: { key, number, title, grade } of each
  const said = spoken(), boxes = tasks.map(({ key, number }) => element("input", { type: "checkbox", onchange: ({ target }) => {
    const { [key]: _, ...others } = remembered();
    remember(target.checked ? { ...others, [key]: true } : others);
    said.textContent = `Task ${number} is ${target.checked ? "done" : "open again"}.`;
  } }));
  const el = element("form", { class: "mf-question" }, element("fieldset", {}, element("legend", {}, "Tick what you have done"),
    ...tasks.map(({ number, title, grade }, i) => element("label", {}, boxes[i],
      element("span", {}, `${number} `, ...words(title), ` (${grade})`)))), said);
  return { el, show(all) { tasks.forEach(({ key }, i) => { boxes[i].checked = key in all; }); } };
}

function counted({ title, keys, tasks }) { // keys: { key of a question: position of its right answer }, tasks: their keys
  const line = element("p", { class: "mf-count" }), wanted = Object.keys(keys);
  function show(all) {
    const done = wanted.filter((key) => key in all), right = done.filter((key) => all[key] === keys[key]);
    const ready = tasks.filter((key) => key in all), counts = [];
    if (wanted.length) counts.push(`${done.length} of ${wanted.length} answered, ${right.length} right`);
    if (tasks.length) counts.push(`${ready.length} of ${tasks.length} tasks done`);
    line.textContent = `${title}: ${counts.join("; ")}`;
    line.style.setProperty("--share", `${100 * (right.length + ready.length) / (wanted.length + tasks.length)}%`);
  }
  return { el: line, show };
}

export default {
  render({ model, el }) {
    const chapters = model.get("chapters"), tasks = model.get("tasks"), said = spoken();
    const parts = [...model.get("questions").map(asked), ...(tasks.length ? [listed(tasks)] : []), ...chapters.map(counted)];
    const keys = new Set(chapters.flatMap((chapter) => [...Object.keys(chapter.keys), ...chapter.tasks]));
    const show = () => { const all = remembered(); said.textContent = ""; parts.forEach((part) => part.show(all)); };
    const again = () => {
      remember(Object.fromEntries(Object.entries(remembered()).filter(([key]) => !keys.has(key))));
      said.textContent = "You start again: nothing is ticked or answered here.";
    };
    el.dataset.lmSuppressShortcuts = "true"; // else arrows and Enter would be JupyterLab's
    el.append(...parts.map((part) => part.el),
      element("div", { class: "mf-buttons" }, button(chapters.length > 1 ? "Start all again" : "Start again", again)), said);
    show();
    const events = [[window, CHANGED], [window, "storage"]]; // "storage": answered in another window
    events.forEach(([target, name]) => target.addEventListener(name, show));
    return () => events.forEach(([target, name]) => target.removeEventListener(name, show));
  },
};
