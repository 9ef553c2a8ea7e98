// The text as it is read: shaded by attention, and step by step for what a model has written itself.
import { bars, el, fixed, hint, legible, over, plain, table, twin } from "./draw.js";
import { flow, named, strip } from "./flow.js";
import { columnOf, rowOf, strongest } from "./weights.js";

const SHADES = [
  ["sees", "where the chosen token looks"],
  ["seen", "who looks at the chosen token"],
  ["received", "what each token receives, mean of the heads shown"],
];

// A cell's value, given to every token of the cell.
function spread(values, groups) {
  const all = [];
  groups.forEach((group, i) => {
    for (let token = group.start; token < group.end; token += 1) all.push(values[i]);
  });
  return all;
}

export function textView(look) {
  const { stack, state } = look,
    received = stack.received?.length === stack.keys.length;
  const choices = SHADES.filter(([key]) => received || key !== "received");
  const select = el(
    "select",
    { class: "long", on: { change: () => look.move({ shade: select.value }) } },
    choices.map(([key, text]) => el("option", { value: key }, text)),
  );
  const shown = () => (state.shade === "received" && !received ? "sees" : state.shade);
  const values = () =>
    shown() === "received"
      ? stack.received
      : shown() === "seen" && !stack.crossed
        ? spread(columnOf(look.map, look.columnCells), look.columns)
        : spread(rowOf(look.map, look.selected), look.columns);
  const pick = (i, event) => (stack.crossed ? look.move({ key: i }) : look.pickToken(i, event));
  const marked = () => (stack.crossed ? [look.key] : state.tokens);
  const bar = strip(
    () => look.map && { values: values(), marked: marked(), pick },
    "The same numbers as bars, one for every token; the table has them",
  );
  const keys = flow(
    () => look.map && { names: stack.keys, values: values(), marked: marked(), shades: look.shades, pick },
    "The text, every token shaded; the table has the numbers",
  );
  const queries = stack.crossed
    ? flow(
        () =>
          look.map && {
            names: stack.queries,
            values: shown() === "seen" ? spread(columnOf(look.map, look.columnCells), look.rows) : null,
            marked: state.tokens,
            shades: look.shades,
            pick: look.pickToken,
          },
        "The text that looks; click chooses a token",
      )
    : null;
  const box = twin("These numbers as a table", () =>
    table(
      [
        { head: "token", w: true },
        { head: "value", n: true },
      ],
      values().map((value, i) => [`${i} ${plain(stack.keys[i])}`, value]),
    ),
  );
  const node = el(
    "div",
    {},
    el("div", { class: "controls" }, el("label", {}, "shade", select)),
    queries ? [over("The text that looks: choose a token"), queries, over("The text it looks at")] : null,
    keys,
    bar,
    hint(
      "Height and shade: the square root of the value. A click chooses a token, Shift or Ctrl several; their " +
        "mean is shown.",
    ),
    box,
  );
  return {
    node,
    update: () => {
      if (!look.map) return;
      select.value = shown();
      for (const part of [queries, keys, bar]) part?.redraw();
      box.refresh();
    },
  };
}

// One step for every token that the model wrote: when it was read in its turn, where did it look?
export function stepsView(look) {
  const { stack, record } = look,
    total = stack.queries.length,
    first = total - record.generated,
    still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const at = () => Math.max(0, Math.min(record.generated - 1, look.token - first));
  const slider = el("input", {
    type: "range",
    min: 0,
    max: record.generated - 1,
    "aria-label": "Step",
    on: { input: () => go(Number(slider.value)) },
  });
  const play = el(
    "button",
    {
      type: "button",
      on: {
        click: () => {
          if (timer) stop();
          else start();
        },
      },
    },
    "Play",
  );
  const said = el("p", { class: "hint" }),
    most = el("div");
  let timer = 0;
  const go = (step) => look.move({ tokens: [first + step], key: null });
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const start = () => {
    if (at() === record.generated - 1) go(0);
    play.textContent = "Pause";
    timer = setInterval(() => {
      if (!node.isConnected || at() >= record.generated - 1) stop();
      else go(at() + 1);
    }, 700);
  };
  const sees = () => spread(rowOf(look.map, [look.rowCell(look.token)]), look.columns);
  const text = flow(
    () =>
      look.map && {
        names: stack.queries,
        values: stack.crossed ? null : sees(),
        marked: [look.token],
        until: look.token + 1,
        shades: look.shades,
        pick: (i) => {
          if (i >= first) go(i - first);
        },
      },
    "The text so far",
  );
  const source = stack.crossed
    ? flow(
        () =>
          look.map && { names: stack.keys, values: sees(), marked: [], strong: strongest(sees()), shades: look.shades },
        "The text it looks at",
      )
    : null;
  const node = el(
    "div",
    {},
    el("div", { class: "controls" }, el("label", { class: "grow" }, "step", slider), still ? null : play),
    said,
    source ? [over("Written so far"), text, over("Where this token looked")] : text,
    source,
    over("It looked most at"),
    most,
  );
  function update() {
    if (!look.map) return;
    if (look.token < first) {
      go(0);
      return;
    }
    slider.value = at();
    slider.setAttribute("aria-valuetext", `${at() + 1}: ${plain(stack.queries[look.token])}`);
    said.replaceChildren(
      `Step ${at() + 1} of ${record.generated}: the model has written `,
      named(stack.queries[look.token]),
      ". To find what comes next, this token looked at those shaded here. Arrow keys on the slider move one step.",
    );
    const values = sees(),
      best = values
        .map((_, i) => i)
        .filter((i) => values[i] > 0.001)
        .sort((a, b) => values[b] - values[a])
        .slice(0, 6);
    most.replaceChildren(
      bars(
        best.map((i) => ({ name: stack.keys[i], value: values[i], text: fixed(values[i], 3) })),
        1,
      ),
    );
    for (const part of [text, source]) part?.redraw();
  }
  return { node, update };
}

export function quoted(names, limit = 3) {
  const parts = names.slice(0, limit).map((name) => [" ", el("code", {}, legible(name))]);
  return names.length > limit ? [parts, ` and ${names.length - limit} more`] : parts;
}
