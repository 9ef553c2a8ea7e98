// How tokens come to be: the merges of BPE, word by word and step by step; numbers through their scale and their bin.

import {
  columnsOf,
  count,
  el,
  exact,
  facts,
  fit,
  hint,
  legible,
  over,
  percent,
  plain,
  svg,
  table,
  ticks,
  twin,
} from "./draw.js";
import { picture, rules } from "./plots.js";

const AROUND = 7; // parts shown on either side of a merge in a long sequence
const DRAWN = 300; // time steps drawn

export function drawMerges(record) {
  const steps = record.merges;
  if (!steps?.words?.length) return [];
  const select = el(
      "select",
      { on: { change: () => draw() } },
      steps.words.map((word, i) => el("option", { value: i }, clipped(word.word))),
    ),
    box = el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Merges" });
  const longest = steps.words.reduce(
    (best, word, i) => (word.merges.length > steps.words[best].merges.length ? i : best),
    0,
  );
  const draw = () => box.replaceChildren(staircase(steps.words[Number(select.value)]));
  select.value = String(longest);
  draw();
  const rest = steps.left_out ? ` ${count(steps.left_out)} more are not listed.` : "";
  return [
    over("Merge by merge"),
    hint(
      "BPE starts from single bytes or characters. At each step it merges the neighbouring pair that training " +
        "learned first, until no learned pair is left. The number on the left is the rank of that pair: rank 0 " +
        "was learned first. Of a long sequence you see the parts around each merge, with the number of parts " +
        `left out.${rest}`,
    ),
    steps.words.length > 1 ? el("div", { class: "controls" }, el("label", {}, "word", select)) : null,
    box,
    twin("All listed merges as a table", () => mergeTable(steps)),
  ].filter(Boolean);
}

// The parts after every merge, the new one marked.
function staircase(word) {
  const parts = [...word.parts],
    lines = [line("start", parts, -1)];
  for (const merge of word.merges) {
    parts.splice(merge.at, 2, merge.merged);
    lines.push(line(count(merge.rank), parts, merge.at));
  }
  if (word.more)
    lines.push(el("li", {}, el("span", { class: "rank" }, "…"), el("span", {}, `${count(word.more)} more merges`)));
  if (word.more || !word.merges.length) lines.push(line(word.merges.length ? "tokens" : "whole", word.tokens, -1));
  return el("ol", { class: "merges" }, lines);
}

function line(label, parts, at) {
  const middle = at < 0 ? 0 : at,
    from = parts.length > 4 * AROUND ? Math.max(0, middle - AROUND) : 0,
    to = parts.length > 4 * AROUND ? Math.min(parts.length, middle + (at < 0 ? 4 : 1) * AROUND + 1) : parts.length;
  const shown = parts.slice(from, to).map((part, i) => [" ", el(from + i === at ? "b" : "span", {}, legible(part))]);
  return el(
    "li",
    {},
    el("span", { class: "rank" }, label),
    el(
      "span",
      { class: "parts" },
      from ? el("i", {}, `${count(from)} … `) : "",
      shown,
      to < parts.length ? el("i", {}, ` … ${count(parts.length - to)}`) : "",
    ),
  );
}

function clipped(text) {
  const shown = plain(text),
    letters = [...shown];
  return letters.length > 28 ? `${letters.slice(0, 27).join("")}…` : shown;
}

function mergeTable(steps) {
  const columns = columnsOf("`word | >step | >rank | `left | `right | `merged");
  return table(
    columns,
    steps.words.flatMap((word) =>
      word.merges.map((merge, i) => [
        clipped(word.word),
        i,
        merge.rank,
        plain(merge.left),
        plain(merge.right),
        plain(merge.merged),
      ]),
    ),
  );
}

export function drawNumbers(record) {
  const series = record.numbers;
  if (!series?.numbers?.length) return [];
  const across = series.scales.length,
    several = across > 1,
    steps = Math.min(DRAWN, Math.ceil(series.numbers.length / across));
  const columns = columnsOf(
    ">step | >channel | >value | >scaled | >bin | `word | >value back | >error",
    ">error allowed",
  );
  const rows = series.numbers.map((number) => [
    number.step,
    number.channel,
    number.value,
    number.scaled,
    number.value !== null && number.bin === null ? "outside" : number.bin,
    plain(number.word),
    number.back,
    number.error,
    number.bound,
  ]);
  const charts = series.scales.slice(0, 4).map((scale, c) => [
    several ? hint(`channel ${c}, scale ${exact(scale)}`) : null,
    fit((width) =>
      chart(
        series.numbers.filter((number) => number.channel === c && number.step < steps),
        width,
      ),
    ),
  ]);
  const words = [
    ["scale", several ? `${count(across)}, one a channel` : exact(series.scales[0])],
    ["bins", count(series.bins)],
    ["largest error, of what rounding to bins allows", percent(series.worst)],
  ];
  return [
    over("Number by number"),
    hint(
      "Each value is divided by its channel's scale, the smallest power of two above the mean of |x|. The " +
        "token names the bin of the result. Decoding gives the middle of that bin times the scale. A number " +
        "outside all bins is written in five tokens.",
    ),
    facts(words),
    charts,
    series.numbers.length / across > steps
      ? hint(`The first ${count(steps)} steps are drawn; the table has all.`)
      : null,
    twin("Every number on its way as a table", () => table(columns, rows)),
  ]
    .flat(Infinity)
    .filter(Boolean);
}

// Values as a line, what comes back as dots on leaders from it; neither crosses a gap wider than `seam`.
export function chart(numbers, width, seam = Infinity) {
  const high = 150,
    pad = { left: 58, right: 10, top: 18, bottom: 22 },
    foot = high - pad.bottom;
  const known = numbers.filter((number) => typeof number.value === "number"),
    values = known.flatMap((number) => [number.value, number.back ?? number.value]);
  const image = picture(width, high, "Values as a line, and what comes back as dots; the table below has the numbers.");
  const low = Math.min(...values),
    top = Math.max(...values),
    range = top - low || 1,
    last = Math.max(1, numbers.length - 1);
  const x = (step) => pad.left + ((width - pad.left - pad.right) * step) / last,
    y = (value) => foot - 4 - ((value - low) / range) * (foot - pad.top - 8);
  const marks = known.length && Number.isFinite(range) ? ticks(low, top, 4) : [];
  image.append(...rules(marks, pad.left, width - pad.right, y, { name: tidy, dotted: true }));
  let d = "";
  numbers.forEach((number, i) => {
    const before = numbers[i - 1]?.value;
    if (typeof number.value !== "number") return;
    const joined = typeof before === "number" && Math.abs(number.value - before) <= seam;
    d += `${joined ? "L" : "M"}${x(i).toFixed(1)} ${y(number.value).toFixed(1)}`;
  });
  image.append(
    svg("path", { class: "i", d: `M${pad.left} ${pad.top}V${foot}H${width - pad.right}` }),
    svg("path", { class: "l", d }),
  );
  numbers.forEach((number, i) => {
    if (typeof number.value === "number" && typeof number.back === "number")
      image.append(
        Math.abs(number.value - number.back) <= seam
          ? svg("line", { class: "al", x1: x(i), x2: x(i), y1: y(number.value), y2: y(number.back) })
          : "",
        svg("circle", { class: "hotdot", cx: x(i), cy: y(number.back), r: 2.2 }),
      );
  });
  image.append(
    svg("text", { class: "m", x: 0, y: 12 }, "value"),
    svg(
      "text",
      { class: "m", x: width - pad.right, y: high - 5, "text-anchor": "end" },
      `step ${count(numbers.length - 1)}`,
    ),
    svg("text", { class: "m", x: pad.left, y: high - 5 }, "step 0"),
  );
  return image;
}

export function tidy(value) {
  return String(Number(value.toPrecision(4))).replace("-", "−");
}
