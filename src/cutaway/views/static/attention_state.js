// What a reader has chosen in a figure of attention, as plain objects. Every function here returns a new one.

import { openMaps } from "./packing.js";
import { groupsOf, rowOf, strongest } from "./weights.js";

export const VIEWS = { head: "Head", text: "Text", neuron: "Neuron", rollout: "Rollout", steps: "Step by step" };

// The first choice: the first stack, and the head and token that show something.
export function first(record, stacks) {
  return { stack: 0, ...opening(record, stacks[0]), extra: [], mean: "", words: false, view: "head", shade: "sees" };
}

// The head and token to begin with: those that the record names, else a head with exact rows.
function opening({ focus, neurons }, stack) {
  const own = focus ?? neurons?.find((one) => one.stack === 0),
    middle = Math.floor(stack.queries.length / 2);
  const place = {
    layer: Math.max(0, stack.layers.indexOf(own?.layer)),
    head: Math.max(0, stack.heads.indexOf(own?.head)),
  };
  return { ...place, tokens: [focus?.query ?? middle], key: focus && focus.first >= focus.weight ? focus.key : null };
}

export function openStack(stack, index) {
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

// The heads that are shown, as [layer, head]: the one in focus first.
export function headsOf(state, stack) {
  const all = (layer) => stack.heads.map((_, head) => [layer, head]);
  if (state.mean === "all") return stack.layers.flatMap((_, layer) => all(layer));
  return state.mean === "layer" ? all(state.layer) : [[state.layer, state.head], ...state.extra];
}

// The state after a change. `add`: the head joins or leaves the mean.
export function moved(state, { add, ...change }, stacks, record) {
  const stack = stacks[state.stack],
    another = "layer" in change || "head" in change;
  if (add) return tidied({ ...state, ...change, ...withHead(state, stack, change, add) }, stacks, record);
  const sameMean = state.mean === "layer" && "layer" in change && !("head" in change) && change.layer !== state.layer;
  const reset = another ? { extra: [], mean: sameMean ? state.mean : "" } : {};
  return tidied({ ...state, ...reset, ...change }, stacks, record);
}

// Shift-click adds a head to the mean or takes it away; the head in focus is always the first. Shift and an arrow
// ("keep") only add.
function withHead(state, stack, { layer, head }, add) {
  const now = state.mean ? [] : headsOf(state, stack),
    others = now.filter(([l, h]) => l !== layer || h !== head);
  const leaves = add !== "keep" && others.length < now.length && others.length > 0;
  const [focus, ...extra] = leaves ? others : [[layer, head], ...others];
  return { layer: focus[0], head: focus[1], extra, mean: "" };
}

// The tokens after a click: Shift selects all from the first chosen one, Ctrl adds or removes one.
export function tokensAfter({ tokens }, token, event) {
  if (event?.shiftKey) {
    const from = tokens[0],
      way = token < from ? -1 : 1;
    return Array.from({ length: Math.abs(token - from) + 1 }, (_, i) => from + way * i);
  }
  if (!event?.ctrlKey && !event?.metaKey) return [token];
  const others = tokens.filter((one) => one !== token);
  return others.length === tokens.length ? [...tokens, token] : others.length ? others : tokens;
}

// The views that a record has data for.
export function viewsOf(stack, record) {
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

// The same state, with every part limited to what the record has.
export function tidied(state, stacks, record) {
  const within = (value, size) => Math.max(0, Math.min(size - 1, Math.trunc(Number(value) || 0)));
  const index = within(state.stack, stacks.length),
    stack = stacks[index],
    tokens = [...new Set(state.tokens.map((token) => within(token, stack.queries.length)))];
  return {
    ...state,
    stack: index,
    layer: within(state.layer, stack.layers.length),
    head: within(state.head, stack.heads.length),
    extra: state.extra.filter(([layer, head]) => layer < stack.layers.length && head < stack.heads.length),
    tokens: tokens.length ? tokens : [0],
    key: state.key === null ? null : within(state.key, stack.keys.length),
    view: viewsOf(stack, record).includes(state.view) ? state.view : "head",
  };
}

// The parts of the state that the page's address names.
export function toAddress(state, stack, several) {
  const runs = [...state.tokens]
    .sort((a, b) => a - b)
    .reduce((all, token) => {
      const last = all[all.length - 1];
      if (last && token === last[1] + 1) last[1] = token;
      else all.push([token, token]);
      return all;
    }, []);
  return {
    stack: several ? stack.kind : null,
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

// The changes of the state that an address asks for.
export function fromAddress(values, stacks, state) {
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

// All that a view draws: the state, its stack, the axes as words or cells, what is selected on them, and the map, which
// is null until it is inflated. raw(row, column): a weight of the map before words are merged.
export function sceneOf({ record, stack, state, shades, map, raw }) {
  const { rows, columns } = state.words && stack.words ? stack.words : stack.cells;
  const cell = (groups, token) =>
    Math.max(
      0,
      groups.findIndex((group) => token < group.end),
    );
  const token = state.tokens[state.tokens.length - 1],
    selected = [...new Set(state.tokens.map((one) => cell(rows, one)))],
    chosen = state.key !== null;
  const column = chosen ? cell(columns, state.key) : map ? strongest(rowOf(map, selected)) : 0;
  return Object.freeze({
    record,
    stack,
    state,
    shades,
    map,
    raw,
    rows,
    columns,
    token,
    selected,
    chosen,
    column,
    row: cell(rows, token),
    key: chosen ? state.key : columns[column].start,
    columnCells: stack.crossed ? [column] : selected,
    heads: headsOf(state, stack),
  });
}
