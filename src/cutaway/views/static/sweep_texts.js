// The completions of a sweep, side by side: one prompt, one setting across.

import { choice, count, el, hint, legible } from "./draw.js";
import { called, shown } from "./levels.js";

const NAMED = 500; // prompts in a list; of more, a number chooses

// One prompt under all values of one setting, the others held; every sample below.
export function sideBySide(record, values, of) {
  const names = Object.keys(values),
    state = {
      prompt: 0,
      across: names.find((name) => name !== "model") ?? names[0],
      held: Object.fromEntries(names.map((name) => [name, middle(values[name])])),
    };
  const byPrompt = new Map(record.prompts.map((prompt) => [prompt, []]));
  for (const run of record.runs) byPrompt.get(run.prompt)?.push(run);
  const cards = el("div", { class: "cards texts" }),
    holds = el("span", { class: "controls" }),
    measures = new Map(record.measures.map((measure) => [measure.key, measure]));
  const few = record.prompts.length <= NAMED;
  const prompt = few
    ? choice(
        record.prompts.map((text, i) => [i, legible([...text].slice(0, 60).join(""), { spaces: false }).textContent]),
        (i) => {
          state.prompt = Number(i);
          draw();
        },
        { class: "long" },
      )
    : el("input", {
        type: "number",
        min: 1,
        max: record.prompts.length,
        value: 1,
        on: {
          change: () => {
            state.prompt = Math.max(0, Math.min(record.prompts.length - 1, Math.round(Number(prompt.value) || 1) - 1));
            draw();
          },
        },
      });
  const ways = names.map((name) => [name, name.replaceAll("_", " ")]);
  const across = choice(ways, (name) => {
    state.across = name;
    held();
    draw();
  });
  function held() {
    across.value = state.across;
    prompt.value = few ? state.prompt : state.prompt + 1;
    holds.replaceChildren(
      ...names
        .filter((name) => name !== state.across && values[name].length > 1)
        .map((name) => {
          const options = values[name].map((value, i) => [i, called(value)]);
          const box = choice(options, (i) => {
            state.held[name] = values[name][Number(i)];
            draw();
          });
          box.value = values[name].indexOf(state.held[name]);
          return el("label", {}, name.replaceAll("_", " "), box);
        }),
    );
  }
  function draw() {
    const text = record.prompts[state.prompt],
      runs = (byPrompt.get(text) ?? []).filter((run) =>
        names.every((name) => name === state.across || values[name].length < 2 || of(run, name) === state.held[name]),
      );
    cards.replaceChildren(
      ...values[state.across].map((value) => {
        const own = runs.filter((run) => of(run, state.across) === value);
        return el(
          "div",
          { class: "card" },
          el(
            "p",
            { class: "over" },
            state.across.replaceAll("_", " "),
            " ",
            el("b", {}, legible(called(value), { spaces: false })),
          ),
          own.length ? own.slice(0, 4).map((run) => [said(run), about(run, measures)]) : hint("Not run."),
          own.length > 4 ? hint(`and ${count(own.length - 4)} more samples`) : null,
        );
      }),
    );
  }
  function show(run) {
    state.prompt = Math.max(0, record.prompts.indexOf(run.prompt));
    for (const name of names) state.held[name] = of(run, name);
    held();
    draw();
    node.scrollIntoView({ block: "start" });
    prompt.focus({ preventScroll: true });
  }
  const node = el(
    "div",
    {},
    el(
      "div",
      { class: "controls whole" },
      el("label", {}, few ? "prompt" : `prompt, of ${count(record.prompts.length)}`, prompt),
      names.length > 1 ? el("label", {}, "across", across) : null,
      holds,
    ),
    cards,
  );
  held();
  draw();
  return { node, show };
}

function middle(values) {
  return values[Math.floor((values.length - 1) / 2)];
}

function said(run) {
  const chat = run.settings?.chat === true;
  return el(
    "p",
    { class: "said" },
    el("span", { class: "prompt" }, legible(run.prompt, { spaces: false, breaks: true })),
    chat ? el("br") : null,
    legible(run.completion, { spaces: false, breaks: true }),
    run.finish_reason === "length" ? el("span", { class: "ghost", title: "cut off" }, " …") : null,
  );
}

function about(run, measures) {
  const parts = [
    ["scorer_perplexity", "surprise"],
    ["dictionary_words", "English"],
    ["repeated_4grams", "repeated"],
  ]
    .filter(([key]) => typeof run.metrics?.[key] === "number")
    .map(([key, name]) => `${name} ${shown(run.metrics[key], measures.get(key))}`);
  return el("p", { class: "hint" }, [...parts, run.finish_reason === "eos" ? "finished" : "cut off"].join(" · "));
}
