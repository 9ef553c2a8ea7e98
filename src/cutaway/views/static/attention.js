// Who looks at whom: the model view (all heads small), the head view (one map large, one token's lines), the text, the
// neuron view, rollout, and the steps of what was generated. Data are inflated a layer at a time; see packing.js.

import { address } from "./address.js";
import {
  first,
  fromAddress,
  headsOf,
  moved,
  openStack,
  sceneOf,
  tidied,
  toAddress,
  tokensAfter,
  VIEWS,
  viewsOf,
} from "./attention_state.js";
import { introduction, note, sentence, shadeKey, TITLES } from "./attention_text.js";
import { shadesOf } from "./canvas.js";
import { controls, tabs } from "./controls.js";
import { el, heading, hint, over, readout, twin } from "./draw.js";
import { onTheme } from "./lifetime.js";
import { linesView } from "./lines.js";
import { matrixTable, matrixView, whatOf } from "./matrix.js";
import { exactHeads, neuronView } from "./neuron.js";
import { openMaps } from "./packing.js";
import { stepsView, textView } from "./reading.js";
import { scoresTable } from "./scores.js";
import { thumbnails } from "./thumbnails.js";
import { meanMap, mergeMap, weight } from "./weights.js";

const NOTHING = { name: "", map: null, raw: null };

// The views draw `figure.now()`, a frozen scene, and change the figure only through `move`, `pick` and `pickToken`.
export function drawAttention(element, record) {
  if (!record.stacks?.length) throw new Error("the record has no attention layers");
  const stacks = record.stacks.map(openStack),
    place = address(element, "a", (values) => move(fromAddress(values, stacks, state)));
  const line = readout(),
    upper = el("div"),
    panel = el("div", { role: "tabpanel", "aria-label": "The chosen view" }),
    lower = el("div"),
    sort = { key: "head", way: 1, role: "" };
  const figure = { now: () => scene, move, pick, pickToken };
  let state = first(record, stacks),
    shades = shadesOf(),
    inflated = NOTHING, // the map that is shown, and its name
    parts = null, // what is drawn of the stack: switches, thumbnails, tables
    scene,
    shown,
    turn = 0;

  function stage() {
    scene = sceneOf({ record, stack: stacks[state.stack], state, shades, map: inflated.map, raw: inflated.raw });
  }
  function move(change) {
    const before = state.stack;
    state = moved(state, change, stacks, record);
    if (state.stack !== before) assemble();
    else refresh();
    place.write(toAddress(state, scene.stack, stacks.length > 1));
  }
  function pickToken(token, event, key = null) {
    move({ tokens: tokensAfter(state, token, event), key: key ?? (scene.stack.crossed ? state.key : null) });
  }
  function pick({ row, column, event }) {
    const key = column === undefined || column === null ? null : scene.columns[column].start;
    if (row === undefined) move({ key });
    else pickToken(scene.rows[row].start, event, key);
  }

  async function refresh() {
    turn += 1;
    const mine = turn,
      name = mapName(state, stacks);
    if (inflated.name !== name) inflated = NOTHING;
    stage();
    parts.grid.mark();
    parts.choose.show(scene.key);
    parts.scores?.mark?.();
    if (shown?.kind !== `${state.view}${state.words}`) view();
    try {
      const found = inflated.map ? inflated : { name, ...(await inflate(scene)) };
      if (mine !== turn) return;
      inflated = found;
      stage();
      const key = (await shown.update()) ?? scene.key;
      if (mine !== turn) return;
      parts.choose.show(key);
      line.replaceChildren(...sentence(scene));
      parts.matrix.refresh();
      const what = [whatOf(scene), state.view, state.tokens.join(" "), state.words ? "words" : ""];
      element.dataset.shown = what.filter(Boolean).join(" · ");
    } catch (problem) {
      console.error(problem);
      element.dataset.shown = "nothing";
      line.replaceChildren(`This can't be drawn: ${problem.message}.`);
    }
  }
  function view() {
    const make = { text: textView, neuron: neuronView, steps: stepsView }[state.view] ?? headView;
    shown = { kind: `${state.view}${state.words}`, ...make(figure) };
    panel.replaceChildren(shown.node);
  }

  // All that belongs to one stack; drawn again when another is chosen.
  function assemble() {
    inflated = NOTHING;
    shown = null;
    stage();
    const { stack } = scene;
    pages?.show();
    for (const other of stacks) if (other !== stack) other.maps.drop();
    parts = {
      choose: controls(
        figure,
        viewsOf(stack, record).map((one) => [one, VIEWS[one]]),
      ),
      grid: thumbnails(figure),
      matrix: twin("This map as a table", () => matrixTable(scene)),
      scores: stack.scores?.length ? scoresTwin(figure, sort) : null,
    };
    const { choose, grid, matrix, scores } = parts;
    upper.replaceChildren(choose.node);
    lower.replaceChildren(
      matrix,
      over("All heads: layers across, heads down; choose one to see it large"),
      grid.node,
      shadeKey(),
      note(stack, grid.shared()),
      scores ?? "",
    );
    grid.paint();
    refresh()
      .then(() => grid === parts.grid && grid.load())
      .then((done) => {
        if (done) performance.mark("cutaway:all-thumbnails");
      })
      .catch((problem) => {
        console.error(problem);
        line.replaceChildren(`The heads can't be drawn: ${problem.message}.`);
      });
  }
  state = tidied({ ...state, ...fromAddress(place.read(), stacks, state) }, stacks, record);
  onTheme(element, () => {
    shades = shadesOf();
    stage();
    parts.grid.paint();
    refresh();
  });
  const pages =
    stacks.length > 1
      ? tabs(
          "Which attention",
          stacks.map((stack, i) => [i, TITLES[stack.kind] ?? stack.kind]),
          () => state.stack,
          (i) => {
            const middle = Math.floor(stacks[i].queries.length / 2);
            move({ stack: i, layer: 0, head: 0, key: null, tokens: [middle] });
          },
        )
      : null;
  element.append(
    heading("Attention", record.model),
    hint(introduction(record, stacks)),
    pages?.node ?? "",
    upper,
    line,
    panel,
    lower,
  );
  assemble();
}

// The name of the map that a state asks for.
function mapName(state, stacks) {
  const heads = state.mean === "all" ? "all" : headsOf(state, stacks[state.stack]).join(" ");
  return [state.stack, state.words, state.view === "rollout" ? "rollout" : heads].join("|");
}

async function inflate({ stack, state, heads }) {
  const rolled = state.view === "rollout";
  if (rolled) stack.rolled ??= openMaps(stack.rollout, 1);
  const map = rolled
    ? await meanMap(stack.rolled, [[0, 0]], stack.causal)
    : await meanMap(stack.maps, heads, stack.causal);
  return {
    map: state.words && stack.words ? mergeMap(map, stack.words.rows, stack.words.columns) : map,
    raw: !rolled && heads.length === 1 ? (row, column) => weight(map, row, column) : null,
  };
}

function scoresTwin(figure, sort) {
  const box = twin("All heads as a table: sort, filter by role, choose", () => {
    const { node, mark } = scoresTable(figure, sort);
    box.mark = mark;
    return node;
  });
  return box;
}

function headView(figure) {
  const large = matrixView(figure),
    lines = linesView(figure),
    other = el("div"),
    { stack, state } = figure.now(),
    rolled = state.view === "rollout";
  const node = el(
    "div",
    {},
    rolled
      ? hint(
          "Rollout follows attention down through all layers; half of every step stays at its position. It shows how " +
            "much of each input token reaches a position (Abnar and Zuidema, 2020).",
        )
      : null,
    el("div", { class: "pair" }, large.node, lines.node),
    other,
  );
  return {
    node,
    update: () => {
      large.update();
      lines.update();
      if (!rolled && stack.maps.pool > 1) other.replaceChildren(exactHeads(figure));
    },
  };
}
