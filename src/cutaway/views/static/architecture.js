// The cutaway drawing itself: the way of the data through the machine, then every part inside the part that holds it.
import { bytes, count, el, exact, facts, fit, heading, hint, over, percent, short, svg, table, twin } from "./draw.js";

export function drawArchitecture(element, record) {
  const roots = nest(record.modules);
  const machine = el("div", { class: "machine" }, roots.map((root) => part(root, record)));
  const way = stations(roots[0]);
  element.append(heading(`Architecture · ${record.class_name ?? record.model_type}`, record.model), summary(record));
  if (way.length > 1) element.append(over("Section, from input to output"), fit((width) => section(way, record, width)), hint("Parts of a block in the order of use where it is known, else in the order they are defined. Parts without weights are left out."));
  element.append(over("Every part"), buttons(machine), machine, tied(roots, record), numbers(record, roots));
}

// The list is depth first; `times` is how often a part is there, its own copies and those of what holds it.
function nest(modules) {
  const roots = [], open = [];
  for (const module of modules) {
    while (open.length && open[open.length - 1].module.depth >= module.depth) open.pop();
    const above = open[open.length - 1];
    const node = { module, children: [], times: (above?.times ?? 1) * (module.repeat || 1) };
    (above ? above.children : roots).push(node);
    open.push(node);
  }
  return roots;
}

function summary(record) {
  const kv = record.kv_heads && record.kv_heads !== record.heads ? ` (${record.kv_heads} for keys and values)` : "";
  return facts([
    ["parameters", count(record.parameters)], [`of weights, ${record.dtype ?? "dtype unknown"}`, bytes(record.bytes)], ["layers × heads", `${exact(record.layers)} × ${exact(record.heads)}${kv}`],
    ["width, numbers per token", count(record.width)], ["vocabulary, tokens", count(record.vocab_size)], ["context, tokens", count(record.context)],
    typeof record.flops_per_token === "number" ? [`FLOPs per token at a context of ${count(record.flops_context)} tokens`, short(record.flops_per_token)] : null,
  ]);
}

function sizes(node) {
  return Object.entries(node.module.shapes ?? {}).map(([name, shape]) => `${name} ${shape.map(count).join(" × ") || "scalar"}`).join(", ");
}

function labelOf(node) {
  return String(node.module.label ?? node.module.name ?? "").replace(/^\((.*)\)$/, "$1") || String(node.module.type);
}

function row(node, record) {
  const { module, times } = node;
  const total = module.parameters * times, share = record.parameters ? total / record.parameters : 0;
  const detail = sizes(node) || module.detail;
  const copies = module.repeat > 1 ? el("span", { class: "copies" }, ` × ${module.repeat}`) : null;
  return [
    el("span", { class: "name" }, labelOf(node), copies), el("span", { class: "type" }, module.type), el("span", { class: "leader" }),
    el("span", { class: "shape" }, node.children.length ? "" : detail),
    el("span", { class: "size" }, module.parameters ? count(module.parameters) : "no weights"),
    el("span", { class: "share" }, total ? percent(share) : ""),
    el("span", { class: total ? "much" : null }, total ? el("i", { style: { width: `${Math.min(1, share) * 100}%` } }) : ""),
  ];
}

function part(node, record) {
  if (!node.children.length) return el("div", { class: "part leaf" }, row(node, record));
  const stack = isStack(node);
  const inside = el("div", { class: "parts" }, node.children.map((child) => part(child, record)));
  const box = el("details", { class: stack ? "part stack" : "part", open: true }, el("summary", {}, row(node, record)), inside, stack ? cut(node) : null);
  return stack ? el("div", {}, box, plates(node)) : box;
}

function cut(node) {
  return el("p", { class: "cut" }, el("span", {}, `cut: ${count(node.module.repeat - 1)} more of the same follow, ${short(node.module.parameters * node.module.repeat)} parameters in all`));
}

function plates(node) {
  const shown = Math.min(3, node.module.repeat - 1);
  return el("div", { class: "plates", "aria-hidden": "true" }, Array.from({ length: shown }, (_, i) => el("i", { style: { left: `${(i + 1) * 5}px`, right: `${(i + 1) * 5}px`, top: `${i * 4}px` } })));
}

function buttons(machine) {
  const all = (open) => () => machine.querySelectorAll("details").forEach((box) => { box.open = open; });
  return el("p", { class: "controls" }, el("button", { type: "button", on: { click: all(true) } }, "Open every part"), el("button", { type: "button", on: { click: all(false) } }, "Close every part"),
    el("span", { class: "hint" }, "Numbers: parameters of one copy; share: of the whole model, all copies."));
}

function leaves(node) {
  return node.children.length ? node.children.flatMap(leaves) : [node];
}

function tied(roots, record) {
  const sum = roots.flatMap(leaves).reduce((total, leaf) => total + leaf.module.parameters * leaf.times, 0);
  return record.parameters && sum > record.parameters * 1.001 ? hint(`The parts add up to ${count(sum)}: some weights are shared between parts and are counted once in the total of ${count(record.parameters)}.`) : el("span");
}

// Copies of a whole block are drawn as a stack; copies of a single layer are only counted.
function isStack(node) {
  return node.module.repeat > 1 && node.children.length > 0;
}

// The way of the data: the parts in order, wrappers opened until the repeated block shows, parts without weights left out.
function stations(node) {
  if (!node) return [];
  const repeated = (part) => isStack(part) || part.children.some(repeated);
  if (isStack(node) || !repeated(node)) return node.module.parameters ? [node] : [];
  return node.children.flatMap(stations);
}

// Definitions list the norms last; these names say where they are used.
const USE = ["input_layernorm", "self_attn", "post_attention_layernorm", "pre_feedforward_layernorm", "mlp", "post_feedforward_layernorm"];

function innerOf(node) {
  const inner = node.children.filter((child) => child.module.parameters), place = (child) => USE.indexOf(labelOf(child));
  return inner.every((child) => place(child) >= 0) ? inner.sort((a, b) => place(a) - place(b)) : inner;
}

function section(way, record, width) {
  const gap = 20, height = 250, middle = 96, bold = { "font-weight": "600" };
  const stops = way.map((node) => {
    const inner = isStack(node) ? innerOf(node) : null;
    const face = inner ? Math.max(150, inner.length * 78 + 24) : 104;
    return { node, inner, face, size: inner ? face + 58 : face };
  });
  const needed = stops.reduce((sum, stop) => sum + stop.size + gap, 0) + 130;
  const whole = Math.max(width, needed), spare = Math.max(0, (whole - needed) / (stops.length + 1));
  const image = svg("svg", { width: whole, height, role: "img", "aria-label": "The parts in order from input to output; the list below names them all." });
  image.append(hatchPattern(), svg("text", { x: 0, y: middle - 8, ...bold }, "ids"), svg("text", { class: "m", x: 0, y: middle + 20 }, "T tokens"));
  const arrow = (from, to) => [svg("line", { class: "i", x1: from, x2: to - 5, y1: middle, y2: middle }), svg("path", { d: `M${to} ${middle}l-7 -3.5v7z`, fill: "currentColor" })];
  let x = 56 + spare / 2;
  image.append(...arrow(8, x));
  for (const { node, inner, face, size } of stops) {
    image.append(inner ? drawStack(node, inner, x, face, middle) : drawStation(node, x, face, middle), leader(node, x + face / 2, height), ...arrow(x + size, x + size + gap + spare));
    x += size + gap + spare;
  }
  const end = /LMHead|CausalLM|MaskedLM/.test(record.class_name ?? "") ? ["logits", "T × V"] : ["out", "T tokens"];
  image.append(svg("text", { x: x + 6, y: middle - 8, ...bold }, end[0]), svg("text", { class: "m", x: x + 6, y: middle + 20 }, end[1]));
  return image;
}

function hatchPattern() {
  const pattern = svg("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-45)" }, svg("line", { class: "l", x1: 0, x2: 6, y1: 0, y2: 0 }));
  return svg("defs", {}, pattern);
}

function drawStation(node, x, wide, middle) {
  return svg("g", {}, svg("rect", { class: "box", x: x + 0.5, y: middle - 34.5, width: wide, height: 70 }), svg("text", { x: x + wide / 2, y: middle + 4, "text-anchor": "middle" }, clip(labelOf(node), 13)));
}

// The repeated block: the first copy open, the others a pile of plates behind it, cut off with hatching.
function drawStack(node, inner, x, wide, middle) {
  const top = middle - 62.5, tall = 126, group = svg("g");
  for (let i = 3; i >= 1; i -= 1) group.append(svg("rect", { class: "box", x: x + 0.5 + i * 9, y: top - i * 7, width: wide, height: tall }));
  const right = x + wide + 27.5, edge = top - 21;
  group.append(svg("path", { d: `M${right} ${edge}h22l-6 ${tall / 4}l8 ${tall / 4}l-8 ${tall / 4}l6 ${tall / 4}h-22z`, fill: "url(#hatch)", stroke: "none" }), svg("path", { class: "i", d: `M${right + 22} ${edge}l-6 ${tall / 4}l8 ${tall / 4}l-8 ${tall / 4}l6 ${tall / 4}`, "stroke-dasharray": "4 3" }));
  group.append(svg("rect", { class: "box", x: x + 0.5, y: top, width: wide, height: tall }), svg("text", { x: x + 8, y: top + 17, "font-weight": "600" }, clip(node.module.type, Math.floor((wide - 60) / 7))), svg("text", { class: "a", x: x + wide - 8, y: top + 17, "text-anchor": "end", "font-weight": "600" }, `× ${node.module.repeat}`));
  const share = (wide - 16) / Math.max(1, inner.length);
  inner.forEach((child, i) => {
    const light = child.module.parameters < node.module.parameters / 50, high = light ? 50 : 74, y = top + 30 + (84 - high) / 2;
    group.append(svg("rect", { class: "tint", x: x + 8 + i * share + 3, y, width: share - 6, height: high }), ...words(labelOf(child), x + 8 + (i + 0.5) * share, y + high / 2, Math.floor(share / 6.6)));
  });
  return group;
}

// A name on one line, or broken at its underscores.
function words(name, x, y, room) {
  const lines = [""];
  for (const word of name.split(/(?<=_)/)) {
    if (lines[lines.length - 1].length + word.length > room && lines[lines.length - 1]) lines.push("");
    lines[lines.length - 1] += word;
  }
  return lines.map((line, i) => svg("text", { x, y: y + 4 + (i - (lines.length - 1) / 2) * 14, "text-anchor": "middle" }, clip(line, room)));
}

function leader(node, x, height) {
  const y = height - 42, from = isStack(node) ? 160 : 131;
  return svg("g", {}, svg("line", { class: "l", x1: x, x2: x, y1: from, y2: y - 14 }), svg("circle", { cx: x, cy: from, r: 2, fill: "currentColor" }),
    svg("text", { x, y, "text-anchor": "middle" }, `${short(node.module.parameters * node.times)} parameters`), svg("text", { class: "m", x, y: y + 16, "text-anchor": "middle" }, clip(isStack(node) ? `${short(node.module.parameters)} each` : shapeOf(node), 24)));
}

function shapeOf(node) {
  const shape = Object.values(node.module.shapes ?? {})[0];
  return shape ? shape.map(count).join(" × ") : node.module.type;
}

function clip(text, length) {
  const letters = [...String(text)];
  return letters.length > length ? `${letters.slice(0, Math.max(1, length - 1)).join("")}…` : String(text);
}

function numbers(record, roots) {
  const columns = [{ head: "part", w: true }, { head: "type" }, { head: "shapes", w: true }, { head: "detail", w: true }, { head: "copies", n: true }, { head: "parameters of one", n: true }, { head: "parameters of all", n: true }];
  const flat = (node) => [node, ...node.children.flatMap(flat)];
  const rows = roots.flatMap(flat).map((node) => [node.module.name || "(the model)", node.module.type, sizes(node), node.module.detail ?? "", node.module.repeat, node.module.parameters, node.module.parameters * node.times]);
  const total = hint(`${exact(record.parameters)} parameters, ${exact(record.bytes)} bytes; ${exact(record.flops_per_token)} FLOPs per token at a context of ${exact(record.flops_context)} tokens.`);
  return el("div", {}, twin("The parts as a table", el("div", {}, total, table(columns, rows))), twin("The tree as print(model) gives it", el("div", { class: "scroll tall", tabindex: "0" }, el("pre", {}, record.tree ?? "–"))));
}
