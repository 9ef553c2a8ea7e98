// What the model wrote as training went on: a slider over the steps at which it was asked.
import { count, el, hint, legible, over, table, twin } from "./draw.js";

export function samplesByStep({ samples, objective }) {
  const some = (samples ?? []).filter((entry) => Array.isArray(entry?.texts) && entry.texts.length);
  if (!some.length) return null;
  const slider = el("input", {
      type: "range",
      min: 0,
      max: some.length - 1,
      value: some.length - 1,
      "aria-label": "Step of the samples",
      on: { input: () => show() },
    }),
    said = el("output", {}),
    list = el("div", { class: "cards texts wide" });
  function show() {
    const entry = some[Number(slider.value)];
    said.textContent = `after step ${count(entry.step)}`;
    slider.setAttribute("aria-valuetext", said.textContent);
    list.replaceChildren(
      ...entry.texts.map((text) =>
        el("div", { class: "card" }, el("p", { class: "said" }, legible(text, { spaces: false, breaks: true }))),
      ),
    );
  }
  show();
  return el(
    "div",
    {},
    over("What the model writes"),
    some.length > 1 ? el("div", { class: "controls" }, el("label", { class: "grow" }, "step", slider), said) : said,
    list,
    hint(
      objective === "seq2seq"
        ? "The first held-out sources, each with the likeliest answer. Move the slider, or use the arrow keys."
        : "Drawn at temperature 1 with the same random numbers each time. Move the slider, or use the arrow keys.",
    ),
    twin("All samples as a table", () =>
      table(
        [
          { head: "step", n: true },
          { head: "number", n: true },
          { head: "text", w: true },
        ],
        some.flatMap((entry) =>
          entry.texts.map((text, i) => [
            entry.step,
            i + 1,
            el("span", {}, legible(text, { spaces: false, breaks: true })),
          ]),
        ),
      ),
    ),
  );
}
