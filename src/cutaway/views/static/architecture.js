// The cutaway drawing itself: the path of the data through the machine, and the tree of its parts.

import { dataflow } from "./dataflow.js";
import { bytes, columnsOf, count, el, exact, facts, heading, hint, over, percent, short, table, twin } from "./draw.js";
import { labelOf, leaves, routeOf } from "./route.js";
import { meanings } from "./terms.js";

export function drawArchitecture(element, record) {
  const roots = nest(record.modules);
  const machine = el(
    "div",
    { class: "machine" },
    roots.map((root) => part(root, record)),
  );
  const way = roots[0] ? routeOf(record, roots[0]) : [];
  const list = el("div", { class: "list" }, over("Every part"), buttons(machine), machine, tied(roots, record));
  const drawn = way.length
    ? el(
        "div",
        { class: "ways" },
        el(
          "div",
          {},
          over("The path of the data"),
          dataflow(way, (name) => reveal(machine, name)),
        ),
        list,
      )
    : list;
  element.append(
    heading(`Architecture · ${record.class_name ?? record.model_type}`, record.model),
    summary(record),
    meanings("parameters", "context", ...(typeof record.flops_per_token === "number" ? ["FLOPs"] : [])),
    drawn,
    numbers(record, roots),
  );
}

// Open the parts that contain a part, scroll to it, and mark it.
function reveal(machine, name) {
  const found = [...machine.querySelectorAll("[data-part]")].find((part) => part.dataset.part === name);
  if (!found) return;
  for (let box = found; box && box !== machine; box = box.parentElement) if (box.matches("details")) box.open = true;
  machine.querySelectorAll(".found").forEach((part) => part.classList.remove("found"));
  found.classList.add("found");
  const target = found.matches("details") ? found.querySelector("summary") : found;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "center" });
}

// The list is depth first. `times` counts a part's copies, times the copies of the parts that contain it.
function nest(modules) {
  const roots = [],
    open = [];
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
    ["parameters", count(record.parameters)],
    [`of weights, ${record.dtype ?? "dtype unknown"}`, bytes(record.bytes)],
    ["layers × heads", `${exact(record.layers)} × ${exact(record.heads)}${kv}`],
    ["width, numbers per token", count(record.width)],
    ["vocabulary, tokens", count(record.vocab_size)],
    ["context, tokens", count(record.context)],
    typeof record.flops_per_token === "number"
      ? [`FLOPs per token at a context of ${count(record.flops_context)} tokens`, short(record.flops_per_token)]
      : null,
  ]);
}

function sizes(node) {
  return Object.entries(node.module.shapes ?? {})
    .map(([name, shape]) => `${name} ${shape.map(count).join(" × ") || "scalar"}`)
    .join(", ");
}

function row(node, record) {
  const { module, times } = node;
  const total = module.parameters * times,
    share = record.parameters ? total / record.parameters : 0;
  const detail = sizes(node) || module.detail;
  const copies = module.repeat > 1 ? el("span", { class: "copies" }, ` × ${module.repeat}`) : null;
  return [
    el("span", { class: "name" }, labelOf(node), copies),
    el("span", { class: "type" }, module.type),
    el("span", { class: "leader" }),
    el("span", { class: "shape" }, node.children.length ? "" : detail),
    el("span", { class: "size" }, module.parameters ? count(module.parameters) : "no weights"),
    el("span", { class: "share" }, total ? percent(share) : ""),
    el(
      "span",
      { class: total ? "much" : null },
      total ? el("i", { style: { width: `${Math.min(1, share) * 100}%` } }) : "",
    ),
  ];
}

function part(node, record) {
  if (!node.children.length)
    return el("div", { class: "part leaf", "data-part": node.module.name, tabindex: "-1" }, row(node, record));
  const stack = isStack(node);
  const inside = el(
    "div",
    { class: "parts" },
    node.children.map((child) => part(child, record)),
  );
  const box = el(
    "details",
    { class: stack ? "part stack" : "part", "data-part": node.module.name, open: true },
    el("summary", {}, row(node, record)),
    inside,
    stack ? cut(node) : null,
  );
  return stack ? el("div", {}, box, plates(node)) : box;
}

function cut(node) {
  return el(
    "p",
    { class: "cut" },
    el(
      "span",
      {},
      `cut: ${count(node.module.repeat - 1)} more of the same follow, ` +
        `${short(node.module.parameters * node.module.repeat)} parameters in all`,
    ),
  );
}

function plates(node) {
  const shown = Math.min(3, node.module.repeat - 1);
  return el(
    "div",
    { class: "plates", "aria-hidden": "true" },
    Array.from({ length: shown }, (_, i) =>
      el("i", { style: { left: `${(i + 1) * 5}px`, right: `${(i + 1) * 5}px`, top: `${i * 4}px` } }),
    ),
  );
}

function buttons(machine) {
  const all = (open) => () =>
    machine.querySelectorAll("details").forEach((box) => {
      box.open = open;
    });
  return el(
    "p",
    { class: "controls" },
    el("button", { type: "button", on: { click: all(true) } }, "Open every part"),
    el("button", { type: "button", on: { click: all(false) } }, "Close every part"),
    el("span", { class: "hint" }, "Numbers: parameters of one copy; share: of the whole model, all copies."),
  );
}

function tied(roots, record) {
  const sum = roots.flatMap(leaves).reduce((total, leaf) => total + leaf.module.parameters * leaf.times, 0);
  return record.parameters && sum > record.parameters * 1.001
    ? hint(
        `The parts add up to ${count(sum)}: some weights are shared between parts and are counted once in the ` +
          `total of ${count(record.parameters)}.`,
      )
    : el("span");
}

// Copies of a whole block are drawn as a stack; copies of a single layer are only counted.
function isStack(node) {
  return node.module.repeat > 1 && node.children.length > 0;
}

function numbers(record, roots) {
  const columns = columnsOf("`part | type | `shapes | `detail | >copies | >parameters of one | >parameters of all");
  const flat = (node) => [node, ...node.children.flatMap(flat)];
  const rows = roots
    .flatMap(flat)
    .map((node) => [
      node.module.name || "(the model)",
      node.module.type,
      sizes(node),
      node.module.detail ?? "",
      node.module.repeat,
      node.module.parameters,
      node.module.parameters * node.times,
    ]);
  const total = hint(
    `${exact(record.parameters)} parameters, ${exact(record.bytes)} bytes; ${exact(record.flops_per_token)} ` +
      `FLOPs per token at a context of ${exact(record.flops_context)} tokens.`,
  );
  return el(
    "div",
    {},
    twin("The parts as a table", el("div", {}, total, table(columns, rows))),
    twin(
      "The tree as print(model) gives it",
      el("div", { class: "scroll tall", tabindex: "0" }, el("pre", {}, record.tree ?? "–")),
    ),
  );
}
