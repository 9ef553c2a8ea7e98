// Inside one weight: the query and the key number by number, their products, the logit they add up to, and the exact
// softmax of the row, computed here from the queries and keys that the record carries for a few heads.

import { canvasOf } from "./canvas.js";
import { colour, columnsOf, el, exact, fit, fixed, hint, legible, over, plain, table, twin } from "./draw.js";
import { flow, strip } from "./flow.js";
import { unpackArray } from "./packing.js";
import { strongest } from "./weights.js";

const opened = new WeakMap();

function open(neuron) {
  const parts = [neuron.queries, neuron.keys, neuron.bias];
  if (!opened.has(neuron))
    opened.set(
      neuron,
      Promise.all(parts.map((part) => (part ? unpackArray(part) : null))).then(([queries, keys, bias]) => ({
        ...neuron,
        queries,
        keys,
        bias,
      })),
    );
  return opened.get(neuron);
}

// logit(t, s) = scale · q·k (softcap: c · tanh(x / c)) + bias; the weights are a softmax over the keys in sight, and a
// sink is one more logit, whose share goes to no key.
export function exactRow({ queries, keys, bias, scale, softcap, sink, window: reach }, causal, query) {
  const K = queries.shape[1],
    S = keys.shape[0],
    logits = new Float64Array(S).fill(-Infinity);
  for (let key = 0; key < S; key += 1) {
    if ((causal && key > query) || (reach && Math.abs(query - key) >= reach)) continue;
    let dot = 0;
    for (let i = 0; i < K; i += 1) dot += queries.values[query * K + i] * keys.values[key * K + i];
    dot *= scale;
    logits[key] = (softcap ? softcap * Math.tanh(dot / softcap) : dot) + (bias ? bias.values[query * S + key] : 0);
  }
  const most = Math.max(typeof sink === "number" ? sink : -Infinity, ...logits),
    weights = logits.map((logit) => Math.exp(logit - most));
  const nowhere = typeof sink === "number" ? Math.exp(sink - most) : 0,
    total = weights.reduce((sum, value) => sum + value, nowhere);
  return { logits, weights: weights.map((value) => value / total), nowhere: nowhere / total };
}

export function neuronOf({ record, stack, state: { layer, head } }) {
  return (
    (record.neurons ?? []).find(
      (one) => one.stack === stack.index && one.layer === stack.layers[layer] && one.head === stack.heads[head],
    ) ?? null
  );
}

// Which heads have exact rows, and what to type for another.
export function exactHeads(figure) {
  const { stack, record, state } = figure.now(),
    own = (record.neurons ?? []).filter((one) => one.stack === stack.index);
  const buttons = own.slice(0, 40).map((one) =>
    el(
      "button",
      {
        type: "button",
        on: {
          click: () =>
            figure.move({
              layer: Math.max(0, stack.layers.indexOf(one.layer)),
              head: Math.max(0, stack.heads.indexOf(one.head)),
              extra: [],
              mean: "",
              view: "neuron",
            }),
        },
      },
      `${one.layer}.${one.head}`,
    ),
  );
  const name = `${stack.layers[state.layer]}.${stack.heads[state.head]}`,
    text = el("code", {}, "cutaway attention … -m ", legible(record.model), ` --neurons ${name}`);
  return el(
    "div",
    { class: "controls hint" },
    own.length ? ["Exact rows are here for: ", buttons] : "This page contains no exact rows.",
    neuronOf(figure.now()) ? null : el("span", {}, `For head ${name}: `, text),
  );
}

// `update` returns the key whose weight is shown.
export function neuronView(figure) {
  const { stack } = figure.now();
  const box = el("div");
  let now = null;
  const marks = () => ({
    marked: [now.key],
    strong: strongest(now.row.weights),
    shades: figure.now().shades,
    pick: (key) => figure.move({ key }),
  });
  const drawing = fit((width) => (now ? dimensions(now, width) : el("div"))),
    sums = el("div");
  const bars = strip(
    () => now && { values: now.row.weights, ...marks() },
    "The exact row as bars; the table has the numbers",
  );
  const text = flow(
    () => now && { names: stack.keys, values: now.row.weights, ...marks() },
    "The keys, shaded by their exact weight",
  );
  const parts = [
    twin("Query, key and product, dimension by dimension", () =>
      table(
        columnsOf(">dimension | >query | >key | >query × key × scale | >sum so far"),
        now ? Array.from(now.q, (value, i) => [i, value, now.k[i], now.products[i], now.running[i]]) : [],
      ),
    ),
    twin("The exact row as a table", () =>
      table(
        columnsOf("`key | >logit | >weight, exact | >weight in the picture, byte / 255"),
        now
          ? stack.keys.map((key, i) => [
              `${i} ${plain(key)}`,
              Number.isFinite(now.row.logits[i]) ? now.row.logits[i] : "out of sight",
              now.row.weights[i],
              stack.maps.pool === 1 && figure.now().raw ? figure.now().raw(now.query, i) : "–",
            ])
          : [],
      ),
    ),
  ];
  async function update() {
    const scene = figure.now(),
      neuron = neuronOf(scene);
    now = null;
    if (!neuron) {
      box.replaceChildren(exactHeads(figure));
      return null;
    }
    const arrays = await open(neuron),
      query = scene.token;
    if (neuronOf(figure.now()) !== neuron || query !== figure.now().token) return null;
    const found = exactRow(arrays, stack.causal, query),
      key = scene.state.key ?? strongest(found.weights),
      K = arrays.queries.shape[1];
    const q = arrays.queries.values.subarray(query * K, (query + 1) * K),
      k = arrays.keys.values.subarray(key * K, (key + 1) * K),
      products = q.map((value, i) => value * k[i] * arrays.scale);
    let sum = 0;
    now = {
      arrays,
      query,
      key,
      q,
      k,
      products,
      running: products.map((value) => {
        sum += value;
        return sum;
      }),
      row: found,
    };
    if (box.firstChild !== drawing)
      box.replaceChildren(
        drawing,
        sums,
        over("The exact row: where this query looks"),
        bars,
        text,
        ...parts,
        exactHeads(figure),
      );
    else box.lastChild.replaceWith(exactHeads(figure));
    sums.replaceChildren(explain(stack, now));
    for (const part of [drawing, bars, text]) part.redraw();
    for (const part of parts) part.refresh();
    return key;
  }
  return { node: box, update };
}

// The sum, step by step, as one would do it on the board.
function explain(stack, { arrays, query, key, running, row }) {
  const { softcap, sink, bias, scale, window: reach } = arrays,
    sum = running[running.length - 1] ?? 0,
    S = arrays.keys.shape[0];
  const quoted = (text) => el("code", {}, legible(text)),
    said = [];
  const steps = [["sum of the products", fixed(sum, 4)]];
  if (softcap)
    steps.push([
      `capped: ${exact(softcap)} · tanh(sum / ${exact(softcap)})`,
      fixed(softcap * Math.tanh(sum / softcap), 4),
    ]);
  if (bias) steps.push(["bias of the position", fixed(bias.values[query * S + key], 4)]);
  const hidden = !Number.isFinite(row.logits[key]);
  steps.push(
    ["logit", hidden ? "out of sight: −∞" : fixed(row.logits[key], 4)],
    ["weight, exact", fixed(row.weights[key], 5)],
  );
  if (typeof sink === "number")
    said.push(
      `A learned sink with logit ${fixed(sink, 3)} takes ${fixed(row.nowhere, 4)} of the weight; that share ` +
        "goes to no token. ",
    );
  if (reach) said.push(`This head sees at most ${reach} tokens, itself included. `);
  return el(
    "div",
    {},
    el(
      "p",
      { class: "sums" },
      steps.map(([name, value], i) => [i ? el("br") : null, `${name} = ${value}`]),
    ),
    hint(
      el(
        "span",
        {},
        "Query ",
        quoted(stack.queries[query]),
        " and key ",
        quoted(stack.keys[key]),
        `, after rotary position embedding if the model has it. Each product is q × k × ${exact(scale)} (the ` +
          "scale). The " +
          "weight is exp(logit) divided by the sum of exp over the keys in sight. ",
        ...said,
        "Exact: computed on this page from 16-bit queries and keys.",
      ),
    ),
  );
}

// Four strips over the dimensions: query, key, product, and the running sum of the products.
function dimensions({ q, k, products, running }, width) {
  const left = 92,
    tall = 58,
    gap = 12,
    rows = [
      ["query", q],
      ["key", k],
      ["product", products],
      ["sum so far", running],
    ];
  const { canvas, pen } = canvasOf(width, rows.length * (tall + gap) + 16),
    wide = Math.max(60, width - left - 60),
    unit = wide / q.length;
  canvas.setAttribute("role", "img");
  canvas.setAttribute(
    "aria-label",
    "Query, key, their products and the running sum, over the dimensions; the table has the numbers",
  );
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  rows.forEach(([name, values], i) => {
    const top = i * (tall + gap) + 4,
      most = Math.max(1e-9, ...values.map(Math.abs)),
      low = Math.min(0, ...values) / most,
      high = Math.max(0, ...values) / most;
    const zero = top + (tall * high) / Math.max(1e-9, high - low),
      rise = tall / Math.max(1e-9, high - low);
    pen.fillStyle = colour("--ink");
    pen.textAlign = "left";
    pen.fillText(name, 0, top + tall / 2);
    pen.fillStyle = colour("--muted");
    pen.textAlign = "right";
    pen.font = "10px system-ui, sans-serif";
    if (high > 0.1) pen.fillText(fixed(most * high), left - 4, top + 4);
    if (low < -0.1) pen.fillText(fixed(most * low), left - 4, top + tall - 4);
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = colour(i >= 2 ? "--accent" : "--bar");
    if (i < 3)
      values.forEach((value, at) =>
        pen.fillRect(
          left + at * unit,
          value > 0 ? zero - (value / most) * rise : zero,
          Math.max(1, unit - 1),
          Math.max(0.5, (Math.abs(value) / most) * rise),
        ),
      );
    else {
      pen.strokeStyle = colour("--accent");
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(left, zero);
      values.forEach((value, at) => {
        const y = zero - (value / most) * rise;
        pen.lineTo(left + at * unit, y);
        pen.lineTo(left + (at + 1) * unit, y);
      });
      pen.stroke();
      pen.textAlign = "left";
      pen.fillText(fixed(values[values.length - 1]), left + wide + 6, zero - (values[values.length - 1] / most) * rise);
    }
    pen.fillStyle = colour("--ink");
    pen.fillRect(left, zero, wide, 1);
  });
  pen.fillStyle = colour("--muted");
  pen.font = "10px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.fillText("dimension 0", left, rows.length * (tall + gap) + 8);
  pen.textAlign = "right";
  pen.fillText(String(q.length - 1), left + wide, rows.length * (tall + gap) + 8);
  return canvas;
}
