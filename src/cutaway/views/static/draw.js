// What every view draws with: elements, numbers, tables, bars, and the colour ramp.
// Text enters a page only as text nodes, so what a model or a person wrote can never become markup.

import { edges } from "./edges.js";
import { onResize } from "./lifetime.js";

const SVG = "http://www.w3.org/2000/svg";
const LN2 = Math.LN2;

export function el(name, options, ...children) {
  return fill(document.createElement(name), options ?? {}, children);
}

export function svg(name, options, ...children) {
  return fill(document.createElementNS(SVG, name), options ?? {}, children);
}

function fill(node, options, children) {
  for (const [key, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (key === "style")
      for (const [property, setting] of Object.entries(value)) node.style.setProperty(property, setting);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Numbers. `exact` is for tables (what the record holds), the others are for reading.
const GROUPS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function exact(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(7)));
}

export function count(value) {
  return typeof value === "number" ? GROUPS.format(value) : "–";
}

export function fixed(value, digits = 2) {
  return typeof value === "number" ? value.toFixed(digits).replace("-", "−") : "–";
}

export function percent(fraction) {
  if (typeof fraction !== "number") return "–";
  const hundred = fraction * 100;
  if (hundred > 0 && hundred < 0.001) return "< 0.001 %";
  const digits = hundred >= 10 || hundred === 0 ? 1 : hundred >= 0.1 ? 2 : 3;
  return `${hundred.toFixed(digits)} %`;
}

export function bytes(value) {
  if (typeof value !== "number") return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (value >= 1000 && power < units.length - 1) {
    value /= 1000;
    power += 1;
  }
  return `${power === 0 ? value : value.toPrecision(value >= 100 ? 3 : 2)} ${units[power]}`;
}

export function short(value) {
  if (typeof value !== "number") return "–";
  for (const [size, unit] of [
    [1e12, " T"],
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ]) {
    if (Math.abs(value) >= size) return `${(value / size).toPrecision(3)}${unit}`;
  }
  return String(value);
}

export function seconds(value) {
  if (typeof value !== "number") return "–";
  if (value < 1) return `${Math.max(1, Math.round(value * 1000))} ms`;
  return value >= 120 ? `${(value / 60).toFixed(1)} min` : `${value.toFixed(value < 10 ? 1 : 0)} s`;
}

export function bits(nats) {
  return typeof nats === "number" ? nats / LN2 : null;
}

// Text made legible: spaces as a thin dot, controls as their pictures, invisible and lone code units by number.
export function legible(text, { spaces = true, breaks = false } = {}) {
  const fragment = document.createDocumentFragment();
  let plain = "";
  const flush = () => {
    if (plain) fragment.append(plain);
    plain = "";
  };
  for (const char of String(text ?? "")) {
    const picture = pictureOf(char, spaces);
    if (picture === null) {
      plain += char;
      continue;
    }
    flush();
    fragment.append(el("span", { class: "ghost" }, picture));
    if (breaks && char === "\n") plain += "\n";
  }
  flush();
  if (!fragment.hasChildNodes()) fragment.append(el("span", { class: "ghost" }, "∅"));
  return fragment;
}

function pictureOf(char, spaces) {
  const code = char.codePointAt(0);
  if (char === " ") return spaces ? "·" : null;
  if (char === "\n") return "⏎";
  if (char === "\t") return "⇥";
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "␡";
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  const control =
    (code >= 0x80 && code < 0xa0) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  const unseen =
    spaces &&
    (code === 0xa0 || (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x2029) || code === 0xfeff);
  return surrogate || control || unseen ? `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩` : null;
}

export function plain(text) {
  return legible(text).textContent;
}

// Pieces of a view.
export function heading(kind, model) {
  return el("h3", {}, kind, model ? [" · ", el("b", {}, model)] : null);
}

export function over(text) {
  return el("p", { class: "over" }, text);
}

export function hint(text) {
  return el("p", { class: "hint" }, text);
}

export function facts(pairs) {
  const cells = pairs.filter(Boolean).map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value)));
  return el("dl", { class: "facts" }, cells);
}

// What the rules of an alphabet changed in a sequence, as facts.
export function changed(record) {
  return Object.entries(record.changes ?? {}).map(([rule, times]) => [rule, count(times)]);
}

// A box to choose from: options [[value, text]]; `change` gets the value as a text.
export function choice(options, change, more = {}) {
  const box = el(
    "select",
    { ...more, on: { change: () => change(box.value) } },
    options.map(([value, text]) => el("option", { value }, text)),
  );
  return box;
}

export function readout() {
  return el("p", { class: "readout", role: "status" });
}

// The columns of a table as its head says them, with " | " between: > before a number, ` before a piece of text in the
// typewriter face, ~ before prose.
export function columnsOf(...heads) {
  const kinds = { ">": "n", "`": "w", "~": "l" };
  const column = (head) => (kinds[head[0]] ? { head: head.slice(1), [kinds[head[0]]]: true } : { head });
  return heads.flatMap((some) => some.split(" | ").map(column));
}

// columns: {head, n: a number, w: a piece of text in the typewriter face, l: prose}; rows: arrays of text, numbers or
// nodes.
export function table(columns, rows, limit = 500) {
  const body = el("tbody");
  const cell = (value, { n, w, l }) =>
    el(
      "td",
      {
        class:
          [n ? "n" : w ? "w" : l ? "l" : "", String(value).length <= (w ? 28 : 16) ? "brief" : ""].join(" ").trim() ||
          null,
      },
      value instanceof Node ? value : exact(value),
    );
  const add = (some) =>
    body.append(
      ...some.map((row) =>
        el(
          "tr",
          {},
          row.map((value, i) => cell(value, columns[i])),
        ),
      ),
    );
  add(rows.slice(0, limit));
  const head = el(
    "tr",
    {},
    columns.map((column) => el("th", { class: column.n ? "n" : null, scope: "col" }, column.head)),
  );
  const whole = tableBox(head, body);
  if (rows.length <= limit) return whole;
  const more = el("button", { type: "button" }, `Show all ${count(rows.length)} rows`);
  more.addEventListener("click", () => {
    add(rows.slice(limit));
    more.remove();
  });
  return el("div", {}, whole, more);
}

// A table of these parts in a box that scrolls.
export function tableBox(head, body, label = "Table", kind = "scroll tall") {
  const whole = el("table", {}, el("thead", {}, head), body);
  return edges(el("div", { class: kind, tabindex: "0", role: "region", "aria-label": label }, whole));
}

// The numbers of a drawing as a table, folded under it. `content` is a node, or a function called when it is opened.
export function twin(label, content) {
  const whole = el("details", { class: "twin" }, el("summary", {}, label));
  if (content instanceof Node) {
    whole.append(content);
    return whole;
  }
  whole.refresh = () => {
    if (whole.open) whole.replaceChildren(whole.firstChild, content());
  };
  whole.addEventListener("toggle", whole.refresh);
  return whole;
}

// rows: {name, value, text, chosen, rest}. Every bar has its label before it and its value after it. If a value is
// negative, the bars start at a zero line and go both ways. `long`: the values are phrases.
export function bars(rows, most, { long = false } = {}) {
  const values = rows.map((row) => row.value ?? 0),
    top = most ?? Math.max(1e-12, ...values.map(Math.abs));
  const low = Math.min(0, ...values),
    range = Math.max(0, ...values) - low || 1,
    signed = low < 0;
  const at = (value) => `${(100 * value) / range}%`;
  return el(
    "div",
    { class: `bars${long ? " long" : ""}${signed ? " signed" : ""}`, role: "list" },
    rows.map((row, i) => {
      const style = signed
        ? { "--from": at(Math.min(0, values[i]) - low), "--wide": at(Math.abs(values[i])) }
        : { "--share": Math.min(1, values[i] / top) };
      const bar = el("span", { class: "fill", style });
      return el(
        "div",
        { class: row.chosen ? "chosen" : row.rest ? "rest" : null, role: "listitem" },
        el("span", { class: "name" }, legible(row.name, { spaces: row.spaces ?? true })),
        el(
          "span",
          { class: "track" },
          signed ? el("span", { class: "axis", style: { "--zero": at(-low) } }, bar) : bar,
          el("span", { class: "value" }, row.text),
        ),
      );
    }),
  );
}

// Rows of `bars` for the likeliest tokens, [{token, probability}], and one for all others together.
export function likeliest(entries, chosen = () => false) {
  const row = (entry) => ({
    name: entry.token,
    value: entry.probability,
    text: percent(entry.probability),
    chosen: chosen(entry),
  });
  const rest = 1 - entries.reduce((sum, entry) => sum + entry.probability, 0);
  const others = { name: "every other token", spaces: false, value: rest, text: percent(rest), rest: true };
  return [...entries.map(row), ...(rest > 1e-6 ? [others] : [])];
}

// Colour. The nine steps live in the style sheet, so that both themes and the print agree with it.
export const STEPS = 9;

export function step(fraction) {
  return `s${Math.max(0, Math.min(STEPS - 1, Math.round((fraction || 0) * (STEPS - 1))))}`;
}

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function ramp(name = "s") {
  const stops = Array.from({ length: STEPS }, (_, i) => {
    const hex = colour(`--${name}${i}`) || "#888888";
    return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  });
  return (fraction) => {
    const at = Math.max(0, Math.min(1, fraction || 0)) * (STEPS - 1);
    const low = Math.min(STEPS - 2, Math.floor(at));
    return stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * (at - low)));
  };
}

// Surprisal is shaded on one scale everywhere, two bits per step, so that pages can be compared.
export function surprise(value) {
  return typeof value === "number" ? step(value / 16) : "s0";
}

export function surpriseKey() {
  const steps = Array.from({ length: STEPS }, (_, i) =>
    el("span", { class: `s${i}` }, i === STEPS - 1 ? `${i * 2}+` : i * 2),
  );
  return el(
    "p",
    { class: "key" },
    "surprisal",
    el("span", { class: "steps" }, steps),
    "bits (0: certain; each further bit: half as likely)",
  );
}

// A drawing that knows its width: drawn when it gets one and again when that changes.
export function fit(draw, options = {}) {
  const box = edges(el("div", { class: "scroll", ...options }));
  let last = 0;
  box.redraw = () => {
    if (last > 0) box.replaceChildren(draw(last));
  };
  onResize(box, (entry) =>
    requestAnimationFrame(() => {
      const width = Math.floor(entry.contentRect.width);
      if (width > 0 && Math.abs(width - last) > 1) {
        last = width;
        box.redraw();
      }
    }),
  );
  return box;
}

export function ticks(low, high, wanted = 5) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const marks = [];
  for (let at = Math.ceil(low / size - 1e-9); at * size <= high + size * 1e-9; at += 1)
    marks.push(Number((at * size).toPrecision(12)));
  return marks;
}
