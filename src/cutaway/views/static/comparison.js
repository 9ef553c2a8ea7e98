// Two models on one text: what was measured in sentences, the text in segments with both surprisals, heads by depth,
// and the heads most alike side by side.

import { clip } from "./canvas.js";
import { drawDepths } from "./depths.js";
import {
  columnsOf,
  count,
  el,
  fit,
  fixed,
  heading,
  hint,
  legible,
  over,
  plain,
  readout,
  svg,
  table,
  twin,
} from "./draw.js";
import { edges } from "./edges.js";
import { sortedTable } from "./headgrid.js";
import { drawPairs } from "./pairs.js";
import { markBar, strip } from "./plots.js";
import { pieces, rover } from "./rover.js";

const FINDINGS = 3; // sentences of the summary that come first

export function drawComparison(element, record) {
  const names = namesOf(record),
    scored = record.segments.some((part) => isNumber(part.bits_a) || isNumber(part.bits_b));
  element.append(
    heading("Comparison", `${names[0]} and ${names[1]}`),
    ...record.summary
      .slice(0, FINDINGS)
      .map((sentence) => el("p", { class: "summary found" }, legible(sentence, { spaces: false }))),
    sizes(record, names),
  );
  element.append(over("The text, cut where both tokenizers cut"), ...text(record, names, scored));
  element.append(
    over("Heads by relative depth: means over a layer's heads, from the first layer (0) to the last (1)"),
    ...drawDepths(record, names),
    ...(record.measures ?? []).map((measure) =>
      el("p", { class: "hint meaning" }, el("b", {}, measure.name), `: ${measure.meaning}`),
    ),
  );
  if (record.pairs.length) element.append(over("Heads most alike"), ...drawPairs(element, record, names));
  const rest = record.summary.slice(FINDINGS);
  if (rest.length)
    element.append(
      over("What else was measured"),
      el(
        "p",
        { class: "summary hint rest" },
        rest.map((sentence) => [legible(sentence, { spaces: false }), " "]),
      ),
    );
  element.append(
    twin("Every head and its best match as a table that sorts", () => sortedTable(record.matches, MATCHES, () => {})),
  );
}

// The two names: the end of a path or of a Hub id. If both ends are equal, the names say more.
function namesOf({ a, b }) {
  const [first, second] = [a, b].map((side) =>
    plain(
      String(side.name ?? "")
        .replace(/\/+$/, "")
        .split("/")
        .pop(),
    ),
  );
  return first === second ? [`${first} (first)`, `${second} (second)`] : [first, second];
}

function isNumber(value) {
  return typeof value === "number";
}

function sizes(record, names) {
  const sides = [record.a, record.b],
    row = (name, value) => [name, ...sides.map(value)];
  const percent = (value) => (isNumber(value) ? `${(100 * value).toFixed(1)} %` : "–");
  const roles = [...new Set(sides.flatMap((side) => Object.keys(side.roles)))];
  const rows = [
    row("kind", (side) => `${side.type}, ${side.causal ? "sees what came before" : "looks both ways"}`),
    row("parameters", (side) => count(side.parameters)),
    row("layers × heads", (side) => `${side.layers} × ${side.heads_per_layer}`),
    row("tokens of the text (special ones)", (side) => `${count(side.tokens)} (${count(side.special)})`),
    row(`bits per byte, over ${count(record.bytes)} bytes`, (side) => fixed(side.bits_per_byte, 3)),
    row("perplexity, tokens", (side) => fixed(side.perplexity, 2)),
    row("attention to special tokens", (side) => percent(side.outside)),
    row("of the rest: ahead of the position", (side) => percent(side.ahead)),
    ...roles.map((role) => row(`heads: ${role}`, (side) => count(side.roles[role] ?? 0))),
  ];
  return el(
    "div",
    { class: "sides" },
    table([{ head: "" }, { head: `A · ${names[0]}`, n: true }, { head: `B · ${names[1]}`, n: true }], rows),
  );
}

function text(record, names, scored) {
  const { segments } = record,
    line = readout();
  const words = pieces(segments.map((part) => part.text));
  let chosen = 0;
  const chart = scored ? fit((width) => drawStrip(segments, names, width, chosen, (i) => rove.pick(i))) : null;
  const rove = rover(words, "The segments; arrow keys move", (i) => {
    chosen = i;
    line.replaceChildren(...describe(segments[i], names).flat(Infinity));
    if (chart) markBar(chart, i);
  });
  const [from, to] = record.compared,
    unread =
      to - from < segments.length
        ? hint(`Both models have read segments ${from} to ${to - 1} of ${segments.length}.`)
        : null;
  rove.pick(widest(segments));
  return [
    edges(el("div", { class: "scroll tall" }, el("p", { class: "text" }, words))),
    unread,
    line,
    chart
      ? over("Surprisal of each segment, bits")
      : hint("Neither model predicts a next token: surprisal is not defined."),
    chart,
    twin("The segments as a table", () => numbers(segments, names)),
  ].filter(Boolean);
}

// The segment on which the two models differ most. If only one model scores, the segment that surprises it most.
function widest(segments) {
  const apart = (part) =>
    isNumber(part.bits_a) && isNumber(part.bits_b)
      ? Math.abs(part.bits_a - part.bits_b)
      : (part.bits_a ?? part.bits_b ?? -1);
  return segments.reduce((best, part, i) => (apart(part) > apart(segments[best]) ? i : best), 0);
}

function describe(part, names) {
  const cut = (tokens) =>
    tokens.length ? tokens.map((token, i) => [i ? " " : "", el("code", {}, legible(token))]) : "no token";
  const bits = (value) => (isNumber(value) ? `, ${fixed(value, 2)} bits` : "");
  const apart =
    isNumber(part.bits_a) && isNumber(part.bits_b)
      ? ` A pays ${fixed(Math.abs(part.bits_a - part.bits_b), 2)} bits ` +
        `${part.bits_a > part.bits_b ? "more" : "less"} than B.`
      : "";
  return [
    el("b", {}, "A "),
    names[0],
    ": ",
    cut(part.tokens_a),
    bits(part.bits_a),
    "; ",
    el("b", {}, "B "),
    names[1],
    ": ",
    cut(part.tokens_b),
    bits(part.bits_b),
    ".",
    apart,
  ];
}

// A bar a model: A's is filled, B's an outline.
function drawStrip(segments, names, width, chosen, pick) {
  const shown = ["bits_a", "bits_b"].map((bits) => segments.some((part) => isNumber(part[bits]))),
    most = segments.reduce((best, part) => Math.max(best, part.bits_a ?? 0, part.bits_b ?? 0), 1);
  const marks = (i, x, slot, y, foot) => {
    const wide = shown[0] && shown[1] ? (slot - 6) / 2 : slot - 6;
    const bar = (value, kind, at) =>
      isNumber(value)
        ? svg("rect", { class: kind, x: at, y: y(value), width: wide - 1, height: Math.max(0.5, foot - y(value)) })
        : null;
    return [
      bar(segments[i].bits_a, "barfill", x + 3),
      bar(segments[i].bits_b, "outline", x + 3 + (shown[0] ? wide : 0)),
    ];
  };
  const { image, left } = strip({
    names: segments.map((part) => part.text),
    most,
    width,
    room: 8,
    slots: [20, 54],
    top: 34,
    label:
      "Bars: the surprisal of each segment in bits under A (filled) and under B (outlined). The table below " +
      "has the numbers.",
    chosen,
    pick,
    marks,
  });
  const key = (x, kind, name) => [
    svg("rect", { class: kind, x, y: 4, width: 11, height: 11 }),
    svg("text", { x: x + 17, y: 14 }, clip(name, 30)),
  ];
  const second = left + (shown[0] ? 44 + 7 * Math.min(32, names[0].length + 2) : 0);
  image.append(
    ...(shown[0] ? key(left, "barfill", `A ${names[0]}`) : []),
    ...(shown[1] ? key(second, "outline", `B ${names[1]}`) : []),
  );
  return image;
}

function numbers(segments, names) {
  const columns = [
    ...columnsOf(">from | >to | `segment | >A, bits | >B, bits | >A − B, bits"),
    { head: `tokens of ${names[0]}`, w: true },
    { head: `tokens of ${names[1]}`, w: true },
  ];
  const cut = (tokens) => plain(tokens.join("|"));
  return table(
    columns,
    segments.map((part) => [
      part.start,
      part.end,
      plain(part.text),
      part.bits_a,
      part.bits_b,
      isNumber(part.bits_a) && isNumber(part.bits_b) ? part.bits_a - part.bits_b : null,
      cut(part.tokens_a),
      cut(part.tokens_b),
    ]),
  );
}

const MATCHES = [
  {
    head: "head",
    of: (entry) => `${entry.model.toUpperCase()} ${entry.layer}.${entry.head}`,
    key: (entry) => (entry.model === "a" ? 0 : 1e9) + entry.layer * 1e4 + entry.head,
  },
  { head: "depth", n: true, of: (entry) => entry.depth },
  { head: "role", of: (entry) => entry.role },
  { head: "certainty", n: true, of: (entry) => entry.certainty },
  { head: "attention to the text", n: true, of: (entry) => entry.share },
  { head: "most like", of: (entry) => `${entry.model === "a" ? "B" : "A"} ${entry.best_layer}.${entry.best_head}` },
  { head: "its depth", n: true, of: (entry) => entry.best_depth },
  { head: "its role", of: (entry) => entry.best_role },
  { head: "similarity", n: true, of: (entry) => entry.similarity },
  { head: "each other's best", of: (entry) => (entry.mutual ? "yes" : "no") },
];
