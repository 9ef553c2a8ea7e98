// The text as it is read: shaded by attention, and step by step for what a model has written itself.
import { bars, columnsOf, el, fixed, hint, legible, over, plain, table, twin } from "./draw.js";
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

// What a drawing shows: null until the map is inflated.
function withMap(figure, of) {
  return () => (figure.now().map ? of(figure.now()) : null);
}

export function textView(figure) {
  const { stack } = figure.now(),
    received = stack.received?.length === stack.keys.length;
  const choices = SHADES.filter(([key]) => received || key !== "received");
  const select = el(
    "select",
    { class: "long", on: { change: () => figure.move({ shade: select.value }) } },
    choices.map(([key, text]) => el("option", { value: key }, text)),
  );
  const shown = ({ state }) => (state.shade === "received" && !received ? "sees" : state.shade);
  const values = (scene) => {
    const { map, columns, columnCells, selected } = scene;
    if (shown(scene) === "received") return stack.received;
    const seen = shown(scene) === "seen" && !stack.crossed;
    return spread(seen ? columnOf(map, columnCells) : rowOf(map, selected), columns);
  };
  const pick = (i, event) => (stack.crossed ? figure.move({ key: i }) : figure.pickToken(i, event));
  const marked = ({ key, state }) => (stack.crossed ? [key] : state.tokens);
  const bar = strip(
    withMap(figure, (scene) => ({ values: values(scene), marked: marked(scene), pick })),
    "The same numbers as bars, one for every token; the table has them",
  );
  const keys = flow(
    withMap(figure, (scene) => ({
      names: stack.keys,
      values: values(scene),
      marked: marked(scene),
      shades: scene.shades,
      pick,
    })),
    "The text, every token shaded; the table has the numbers",
  );
  const queries = stack.crossed
    ? flow(
        withMap(figure, (scene) => ({
          names: stack.queries,
          values: shown(scene) === "seen" ? spread(columnOf(scene.map, scene.columnCells), scene.rows) : null,
          marked: scene.state.tokens,
          shades: scene.shades,
          pick: figure.pickToken,
        })),
        "The text that looks; click chooses a token",
      )
    : null;
  const box = twin("These numbers as a table", () =>
    table(
      columnsOf("`token | >value"),
      values(figure.now()).map((value, i) => [`${i} ${plain(stack.keys[i])}`, value]),
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
      select.value = shown(figure.now());
      for (const part of [queries, keys, bar]) part?.redraw();
      box.refresh();
    },
  };
}

// One step for every token that the model wrote: when it was read in its turn, where did it look?
export function stepsView(figure) {
  const { stack, record } = figure.now(),
    total = stack.queries.length,
    first = total - record.generated,
    still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const at = () => Math.max(0, Math.min(record.generated - 1, figure.now().token - first));
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
  const go = (step) => figure.move({ tokens: [first + step], key: null });
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
  const sees = ({ map, row, columns }) => spread(rowOf(map, [row]), columns);
  const text = flow(
    withMap(figure, (scene) => ({
      names: stack.queries,
      values: stack.crossed ? null : sees(scene),
      marked: [scene.token],
      until: scene.token + 1,
      shades: scene.shades,
      pick: (i) => {
        if (i >= first) go(i - first);
      },
    })),
    "The text so far",
  );
  const source = stack.crossed
    ? flow(
        withMap(figure, (scene) => ({
          names: stack.keys,
          values: sees(scene),
          marked: [],
          strong: strongest(sees(scene)),
          shades: scene.shades,
        })),
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
    const scene = figure.now();
    if (scene.token < first) {
      go(0);
      return;
    }
    slider.value = at();
    slider.setAttribute("aria-valuetext", `${at() + 1}: ${plain(stack.queries[scene.token])}`);
    said.replaceChildren(
      `Step ${at() + 1} of ${record.generated}: the model has written `,
      named(stack.queries[scene.token]),
      ". To find what comes next, this token looked at those shaded here. Arrow keys on the slider move one step.",
    );
    const values = sees(scene),
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
