// Who looks at whom: the model view (all heads small), the head view (one map large, one token's lines), the text, the
// neuron view, rollout, and the steps of what was generated. Data are inflated a layer at a time; see packing.js.

import { address } from "./address.js";
import { shadesOf } from "./canvas.js";
import { controls, tabs } from "./controls.js";
import { count, el, heading, hint, legible, onTheme, over, readout, twin } from "./draw.js";
import { linesView } from "./lines.js";
import { cellText, matrixTable, matrixView } from "./matrix.js";
import { exactHeads, neuronOf, neuronView } from "./neuron.js";
import { openMaps } from "./packing.js";
import { quoted, stepsView, textView } from "./reading.js";
import { scoreOf, scoresTable } from "./scores.js";
import { thumbnails } from "./thumbnails.js";
import { groupsOf, meanMap, mergeMap, rowOf, strongest, weight } from "./weights.js";

const TITLES = { self: "Self-attention", encoder: "Encoder", decoder: "Decoder", cross: "Cross-attention" };
const VIEWS = { head: "Head", text: "Text", neuron: "Neuron", rollout: "Rollout", steps: "Step by step" };

export function drawAttention(element, record) {
  if (!record.stacks?.length) throw new Error("there are no layers of attention in it");
  const stacks = record.stacks.map(openStack),
    place = address(element, "a", (values) => move(restored(values)));
  const state = {
    stack: 0,
    ...opening(record, stacks[0]),
    extra: [],
    mean: "",
    words: false,
    view: "head",
    shade: "sees",
  };
  const line = readout(),
    upper = el("div"),
    panel = el("div", { role: "tabpanel", "aria-label": "The chosen view" }),
    lower = el("div");
  const look = {
    record,
    state,
    shades: shadesOf(),
    sort: { key: "head", way: 1, role: "" },
    move,
    pick,
    pickToken,
    map: null,
    made: "",
    raw: null,
  };
  let grid,
    shown,
    kind,
    choose,
    scores,
    matrix,
    turn = 0;

  // What the views read: the stack, its axes as words, pooled cells or tokens, and the cells that are selected.
  function derive() {
    const stack = stacks[state.stack],
      words = state.words && stack.words;
    look.stack = stack;
    look.rows = words ? stack.words.rows : stack.cells.rows;
    look.columns = words ? stack.words.columns : stack.cells.columns;
    const cell = (groups, token) =>
      Math.max(
        0,
        groups.findIndex((group) => token < group.end),
      );
    look.rowCell = (token) => cell(look.rows, token);
    look.token = state.tokens[state.tokens.length - 1];
    look.row = look.rowCell(look.token);
    look.selected = [...new Set(state.tokens.map(look.rowCell))];
    look.chosen = state.key !== null;
    look.what = () => whatOf(look);
    const settle = () => {
      look.column = look.chosen
        ? cell(look.columns, state.key)
        : look.map
          ? strongest(rowOf(look.map, look.selected))
          : 0;
      look.key = look.chosen ? state.key : look.columns[look.column].start;
      look.columnCells = stack.crossed ? [look.column] : look.selected;
    };
    settle();
    return settle;
  }
  function heads() {
    const stack = stacks[state.stack],
      all = (layer) => stack.heads.map((_, head) => [layer, head]);
    return state.mean === "all"
      ? stack.layers.flatMap((_, layer) => all(layer))
      : state.mean === "layer"
        ? all(state.layer)
        : [[state.layer, state.head], ...state.extra];
  }
  look.heads = heads;

  // The map that the state asks for, by name: a map of another name is forgotten before the new one is inflated.
  function nameNow() {
    return `${state.stack}|${state.words}|${state.view === "rollout" ? "rollout" : state.mean === "all" ? "all" : heads().join(" ")}`;
  }
  async function mapNow(made) {
    const { stack } = look,
      rolled = state.view === "rollout";
    if (look.map) return look.map;
    if (rolled) stack.rolled ??= openMaps(stack.rollout, 1);
    let map = rolled
      ? await meanMap(stack.rolled, [[0, 0]], stack.causal)
      : await meanMap(stack.maps, heads(), stack.causal);
    const single = !rolled && heads().length === 1 ? map : null;
    if (state.words && stack.words) map = mergeMap(map, stack.words.rows, stack.words.columns);
    return Object.assign(map, { made, raw: single ? (row, column) => weight(single, row, column) : null });
  }

  function move(change) {
    const before = state.stack,
      { add, ...rest } = change;
    if (add) addHead(rest, add);
    else if ("layer" in rest || "head" in rest) state.extra = [];
    if (
      ("layer" in rest || "head" in rest) &&
      !("mean" in rest) &&
      state.mean &&
      !(state.mean === "layer" && rest.layer !== undefined && rest.layer !== state.layer && rest.head === undefined)
    )
      state.mean = "";
    Object.assign(state, rest);
    tidy(state, stacks);
    if (state.stack !== before || !grid) assemble();
    else refresh();
    place.write(written(look));
  }
  // Shift-click adds a head to the mean or takes it away; the one under focus is always the first. Shift and an arrow
  // ("keep") only add.
  function addHead(rest, add) {
    const now = state.mean ? [] : heads(),
      others = now.filter(([layer, head]) => layer !== rest.layer || head !== rest.head);
    state.mean = "";
    state.extra = others;
    if (add === "keep" || others.length === now.length || !others.length) return;
    [rest.layer, rest.head] = others[0];
    state.extra = others.slice(1);
  }
  function pickToken(token, event, key = null) {
    const { tokens } = state,
      from = tokens[0],
      way = token < from ? -1 : 1;
    const range = () => Array.from({ length: Math.abs(token - from) + 1 }, (_, i) => from + way * i);
    const other = tokens.filter((one) => one !== token),
      toggle = () => (other.length === tokens.length ? [...tokens, token] : other.length ? other : tokens);
    move({
      tokens: event?.shiftKey ? range() : event?.ctrlKey || event?.metaKey ? toggle() : [token],
      key: key ?? (look.stack.crossed ? state.key : null),
    });
  }
  function pick({ row, column, event }) {
    const key = column === undefined || column === null ? null : look.columns[column].start;
    if (row === undefined) move({ key });
    else pickToken(look.rows[row].start, event, key);
  }

  async function refresh() {
    turn += 1;
    const now = turn,
      name = nameNow();
    if (look.made !== name) look.map = null;
    const settle = derive();
    grid.mark();
    choose.show();
    scores?.mark?.();
    if (kind !== `${state.view}${state.words}`) view();
    try {
      const map = await mapNow(name);
      if (now !== turn) return;
      look.map = map;
      look.made = map.made;
      look.raw = map.raw;
      settle();
      await shown.update();
      if (now !== turn) return;
      choose.show();
      line.replaceChildren(...sentence(look));
      matrix.refresh();
      element.dataset.shown = `${look.what()} · ${state.view} · ${state.tokens.join(" ")}${state.words ? " · words" : ""}`;
    } catch (problem) {
      console.error(problem);
      element.dataset.shown = "nothing";
      line.replaceChildren(`This can't be drawn: ${problem.message}.`);
    }
  }
  function view() {
    kind = `${state.view}${state.words}`;
    shown =
      state.view === "text"
        ? textView(look)
        : state.view === "neuron"
          ? neuronView(look)
          : state.view === "steps"
            ? stepsView(look)
            : headView(look);
    panel.replaceChildren(shown.node);
  }

  // All that belongs to one stack; drawn anew when another is chosen.
  function assemble() {
    look.map = null;
    look.made = "";
    kind = null;
    derive();
    const stack = look.stack;
    pages?.show();
    for (const other of stacks) if (other !== stack) other.maps.drop();
    choose = controls(look, VIEWS, viewsOf(look));
    grid = thumbnails(stack, look, {
      marked: () => [
        [state.layer, state.head],
        ...(state.mean || state.extra.length
          ? heads().filter(([layer, head]) => layer !== state.layer || head !== state.head)
          : []),
      ],
      first: state.layer,
      move,
    });
    scores = stack.scores?.length
      ? twin("All heads as a table: sort, filter by role, choose", () => {
          const node = scoresTable(look);
          scores.mark = node.lastChild.mark;
          return node;
        })
      : null;
    matrix = twin("This map as a table", () => matrixTable(look));
    upper.replaceChildren(choose.node);
    lower.replaceChildren(
      matrix,
      over("All heads: layers across, heads down; choose one to see it large"),
      grid.node,
      key(),
      note(look, grid.shared()),
      scores ?? "",
    );
    grid.paint();
    const mine = grid;
    refresh()
      .then(() => grid === mine && mine.load())
      .then((done) => {
        if (done) performance.mark("cutaway:all-thumbnails");
      })
      .catch((problem) => {
        console.error(problem);
        line.replaceChildren(`The heads can't be drawn: ${problem.message}.`);
      });
  }
  const restored = (values) => restore(values, stacks, state);
  Object.assign(state, restored(place.read()));
  tidy(state, stacks);
  onTheme(() => {
    if (!element.isConnected) return;
    look.shades = shadesOf();
    grid.paint();
    refresh();
  });
  const pages =
    stacks.length > 1
      ? tabs(
          "Which attention",
          stacks.map((stack, i) => [i, TITLES[stack.kind] ?? stack.kind]),
          () => state.stack,
          (i) => {
            move({
              stack: i,
              layer: 0,
              head: 0,
              extra: [],
              key: null,
              tokens: [Math.floor(stacks[i].queries.length / 2)],
            });
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

// The head and the token that show something: those the record names, else a head that is kept exactly.
function opening({ focus, neurons }, stack) {
  const own = focus ?? neurons?.find((one) => one.stack === 0),
    middle = Math.floor(stack.queries.length / 2);
  const place = {
    layer: Math.max(0, stack.layers.indexOf(own?.layer)),
    head: Math.max(0, stack.heads.indexOf(own?.head)),
  };
  return { ...place, tokens: [focus?.query ?? middle], key: focus && focus.first >= focus.weight ? focus.key : null };
}

function openStack(stack, index) {
  const { rows, columns } = stack.maps,
    pool = stack.maps.pool ?? 1,
    crossed = stack.kind === "cross";
  const cells = (names, size) =>
    Array.from({ length: size }, (_, i) => ({
      start: i * pool,
      end: Math.min(names.length, (i + 1) * pool),
      name: pool > 1 ? `${i * pool}:${names[i * pool]}` : names[i],
    }));
  const named = (words, names) =>
    groupsOf(words).map((group) => ({ ...group, name: names.slice(group.start, group.end).join("") }));
  const merged =
    pool === 1 && stack.query_words?.length === rows && stack.key_words?.length === columns
      ? { rows: named(stack.query_words, stack.queries), columns: named(stack.key_words, stack.keys) }
      : null;
  const words = merged && (merged.rows.length < rows || merged.columns.length < columns) ? merged : null;
  return {
    ...stack,
    index,
    crossed,
    words,
    causal: Boolean(stack.causal) && rows === columns,
    maps: openMaps(stack.maps, stack.heads.length),
    cells: { rows: cells(stack.queries, rows), columns: cells(stack.keys, columns) },
  };
}

function headView(look) {
  const large = matrixView(look),
    lines = linesView(look),
    other = el("div"),
    rolled = look.state.view === "rollout";
  const node = el(
    "div",
    {},
    rolled
      ? hint(
          "Rollout follows attention down through all layers, half of every step staying where it is: how " +
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
      if (!rolled && look.stack.maps.pool > 1) other.replaceChildren(exactHeads(look));
    },
  };
}

function viewsOf({ stack, record }) {
  const steps =
    record.generated > 0 &&
    stack.queries.length === record.stacks[record.stacks.length - 1].queries.length &&
    stack.kind !== "encoder";
  return Object.keys(VIEWS).filter((view) =>
    view === "neuron"
      ? (record.neurons ?? []).length > 0
      : view === "rollout"
        ? Boolean(stack.rollout)
        : view === "steps"
          ? steps
          : true,
  );
}

// Keep every part of the state within what the record has.
function tidy(state, stacks) {
  const within = (value, size) => Math.max(0, Math.min(size - 1, Math.trunc(Number(value) || 0)));
  state.stack = within(state.stack, stacks.length);
  const stack = stacks[state.stack];
  state.layer = within(state.layer, stack.layers.length);
  state.head = within(state.head, stack.heads.length);
  state.extra = state.extra.filter(([layer, head]) => layer < stack.layers.length && head < stack.heads.length);
  state.tokens = [...new Set(state.tokens.map((token) => within(token, stack.queries.length)))];
  if (!state.tokens.length) state.tokens = [0];
  if (state.key !== null) state.key = within(state.key, stack.keys.length);
}

function written({ state, stack, record }) {
  const runs = [...state.tokens]
    .sort((a, b) => a - b)
    .reduce((all, token) => {
      const last = all[all.length - 1];
      if (last && token === last[1] + 1) last[1] = token;
      else all.push([token, token]);
      return all;
    }, []);
  return {
    stack: record.stacks.length > 1 ? stack.kind : null,
    layer: stack.layers[state.layer],
    head: stack.heads[state.head],
    with: state.extra
      .slice(0, 40)
      .map(([layer, head]) => `${stack.layers[layer]}.${stack.heads[head]}`)
      .join(","),
    mean: state.mean,
    token: runs
      .slice(0, 40)
      .map(([from, to]) => (from === to ? from : `${from}-${to}`))
      .join(","),
    key: state.key,
    words: state.words ? 1 : null,
    view: state.view === "head" ? null : state.view,
  };
}

function restore(values, stacks, state) {
  const found = {},
    index = Math.max(
      0,
      stacks.findIndex((stack) => stack.kind === values.stack),
    ),
    stack = stacks["stack" in values ? index : state.stack];
  const at = (list, name) => Math.max(0, list.indexOf(Number(name)));
  if ("stack" in values) found.stack = index;
  if ("layer" in values) found.layer = at(stack.layers, values.layer);
  if ("head" in values) found.head = at(stack.heads, values.head);
  if ("with" in values)
    found.extra = values.with
      .split(",")
      .map((name) => name.split("."))
      .map(([layer, head]) => [at(stack.layers, layer), at(stack.heads, head)]);
  if (["layer", "all"].includes(values.mean)) found.mean = values.mean;
  if ("token" in values)
    found.tokens = values.token.split(",").flatMap((run) => {
      const [from, to = from] = run.split("-").map((one) => Math.min(stack.queries.length - 1, Number(one) || 0));
      return Array.from({ length: Math.max(1, to - from + 1) }, (_, i) => from + i);
    });
  if (/^\d+$/.test(values.key ?? "")) found.key = Number(values.key);
  if (values.words === "1") found.words = true;
  if (Object.hasOwn(VIEWS, values.view ?? "")) found.view = values.view;
  return found;
}

function whatOf({ state, stack, heads }) {
  if (state.view === "rollout") return "Rollout";
  const list = heads(),
    name = ([layer, head]) => `${stack.layers[layer]}.${stack.heads[head]}`;
  if (state.mean === "all") return `Mean of all ${list.length} heads`;
  if (state.mean === "layer") return `Mean of the ${list.length} heads of layer ${stack.layers[state.layer]}`;
  return list.length === 1
    ? `Head ${name(list[0])}`
    : `Mean of ${list.length} heads (${list.slice(0, 4).map(name).join(", ")}${list.length > 4 ? ", …" : ""})`;
}

// One sentence on what one sees.
function sentence(look) {
  const { state, stack } = look,
    score = state.view !== "rollout" && look.heads().length === 1 ? scoreOf(stack, state.layer, state.head) : null;
  const several = look.selected.length > 1,
    role =
      score?.role && score.role !== "mixed"
        ? " (role: " +
          `${score.role}${typeof score.certainty === "number" ? `, at ${Math.round(100 * score.certainty)} % of the tokens` : ""})`
        : "";
  const names = look.selected.map((row) => look.rows[row].name);
  const exactly =
    state.view !== "rollout" && look.heads().length === 1 && neuronOf(look) && state.view !== "neuron"
      ? " The Neuron view has it exactly."
      : "";
  return [
    `${look.what()}${role}: ${several ? "the mean of" : ""}`,
    ...quoted(names).flat(9),
    ` ${look.chosen ? "gives" : "looks most at"} `,
    el("code", {}, legible(look.columns[look.column].name)),
    look.chosen ? " the weight " : ", with weight ",
    `${cellText(look)}.${exactly}`,
  ];
}

function key() {
  return el("p", { class: "key" }, "weight 0", el("span", { class: "ramp" }), "1 (shade: square root of the weight)");
}

function note({ stack }, shared) {
  const pool = stack.maps.pool,
    parts = [
      stack.causal ? "No token looks ahead: what is blank or hatched can't be seen." : null,
      "Weights are kept as bytes / 255, off by at most 0.002; the table of heads and the Neuron view hold " +
        "exact numbers.",
    ];
  if (pool > 1)
    parts.push(`Every cell stands for ${pool} × ${pool} tokens: the sum over its keys, the mean over its queries.`);
  if (shared) parts.push("In a thumbnail many cells share a pixel: the largest weight is shown.");
  return hint(parts.filter(Boolean).join(" "));
}

function introduction(record, stacks) {
  const sizes = stacks
    .map(
      (one) =>
        `${stacks.length > 1 ? `${TITLES[one.kind] ?? one.kind}: ` : ""}${count(one.layers.length)} layers × ` +
        `${count(one.heads.length)} heads × ` +
        `${count(one.queries.length)}${one.crossed ? ` × ${count(one.keys.length)}` : ""} ` +
        `token${one.queries.length === 1 ? "" : "s"}`,
    )
    .join("; ");
  const sink = (record.neurons ?? []).some((one) => typeof one.sink === "number")
    ? ", less what a learned sink takes"
    : "";
  return (
    `${sizes}. Every row adds up to 1${sink}: it says where that token looks. Click a head, or move with the ` +
    "arrow keys; Shift adds heads to a mean."
  );
}
