// Each token's distribution before and after the samplers, what each sampler removed, and surprisal and entropy along
// the text.

import { clip } from "./canvas.js";
import { columnsOf, count, el, fixed, hint, legible, over, percent, plain, svg, table, ticks } from "./draw.js";
import { path, picture, rules } from "./plots.js";

const UNITS = {
  temperature: "",
  "top-k": " tokens",
  "top-p": " of the probability",
  "min-p": " of the likeliest",
  "min new tokens": " tokens",
};

export function describeStep(step) {
  const drawn =
    step.after > 0.99999 ? "nothing else could be drawn" : `it was drawn with probability ${percent(step.after)}`;
  return [
    `The model gave it ${percent(step.before)} (rank ${count(step.rank)}, ${fixed(step.surprisal_bits, 2)} ` +
      `bits); after the samplers ${drawn}. Entropy before ${fixed(step.entropy_bits, 2)} bits, after ` +
      `${fixed(step.entropy_after_bits, 2)}.`,
  ];
}

// The chosen step: two bars that are each the whole probability, the tokens one by one, and the samplers in their
// order.
export function stepParts(step, width) {
  return [
    over("All of the probability, before and after the samplers"),
    el("div", { class: "scroll" }, two(step, width)),
    options(step),
    effects(step),
  ];
}

function two(step, width) {
  const left = 52,
    right = 8,
    tall = 26,
    first = 24,
    second = 104,
    height = 162,
    whole = Math.max(260, width) - left - right;
  const kept = step.options.filter((option) => !option.removed_by && option.after > 0);
  const removed = step.effects.filter((effect) => effect.removed > 0 && effect.mass_before > 0);
  const lost = removed.reduce((sum, effect) => sum + effect.mass_before, 0);
  const rest = (key, all) => Math.max(0, all - kept.reduce((sum, option) => sum + option[key], 0));
  const image = picture(
    left + whole + right,
    height,
    "Two bars, before and after the samplers: kept tokens solid, removed ones hatched and named by the " +
      "sampler. The tables below have the numbers.",
  );
  image.append(
    svg("text", { class: "m", x: left - 8, y: first + 17, "text-anchor": "end" }, "before"),
    svg("text", { class: "m", x: left - 8, y: second + 17, "text-anchor": "end" }, "after"),
  );
  let a = left,
    b = left;
  const piece = (name, before, after, style) => {
    const wideA = before * whole,
      wideB = after * whole;
    for (const [x, y, wide, at] of [
      [a, first, wideA, first - 7],
      [b, second, wideB, second + tall + 15],
    ]) {
      image.append(svg("rect", { class: style, x, y, width: Math.max(wide - (wide > 3 ? 1 : 0), 0.4), height: tall }));
      const room = Math.floor((wide - 4) / 7.4);
      if (room >= Math.min(3, [...name].length))
        image.append(
          svg(
            "text",
            { class: `mono${style === "taken" ? " a" : ""}`, x: x + wide / 2, y: at, "text-anchor": "middle" },
            clip(name, room),
          ),
        );
    }
    if (wideA > 3 || wideB > 3)
      image.append(
        svg("path", {
          class: "l",
          d: `M${a} ${first + tall}C${a} ${first + tall + 26} ${b} ${second - 26} ${b} ${second}`,
        }),
      );
    a += wideA;
    b += wideB;
  };
  kept.forEach((option) =>
    piece(plain(option.token), option.before, option.after, option.id === step.id ? "taken" : "barfill"),
  );
  piece("others", rest("before", 1 - lost), rest("after", 1), "tint");
  image.append(
    svg("path", {
      class: "l",
      d: `M${a} ${first + tall}C${a} ${first + tall + 26} ${b} ${second - 26} ${b} ${second}`,
    }),
  );
  removed.forEach((effect) => {
    const wide = effect.mass_before * whole,
      long = `${effect.sampler} −${percent(effect.mass_before)}`;
    image.append(
      svg("rect", { class: "l", x: a, y: first, width: Math.max(wide, 0.4), height: tall }),
      hatch(a, first, wide, tall),
    );
    for (const text of [long, effect.sampler]) {
      if (text.length * 6.6 > wide) continue;
      image.append(svg("text", { class: "m", x: a + wide / 2, y: first - 7, "text-anchor": "middle" }, text));
      break;
    }
    a += wide;
  });
  return image;
}

// Lines at 45 degrees inside a box.
function hatch(x, y, wide, tall) {
  let path = "";
  for (let at = 5; at < wide + tall; at += 6) {
    const from = Math.max(0, at - tall),
      to = Math.min(wide, at);
    if (to > from)
      path +=
        `M${(x + from).toFixed(1)} ${(y + at - from).toFixed(1)}L${(x + to).toFixed(1)} ` +
        `${(y + at - to).toFixed(1)}`;
  }
  return svg("path", { class: "l", d: path });
}

function options(step) {
  const cell = (share, text, gone) =>
    el(
      "span",
      { class: "track" },
      el("span", { class: `fill${gone ? " gone" : ""}`, style: { "--share": Math.min(1, share) } }),
      el("span", { class: "value" }, text),
    );
  const row = (option) =>
    el(
      "div",
      { class: option.id === step.id ? "chosen" : null, role: "listitem" },
      el("span", { class: "name" }, legible(option.token)),
      cell(option.before, percent(option.before)),
      option.removed_by ? cell(option.before, option.removed_by, true) : cell(option.after, percent(option.after)),
    );
  return el(
    "div",
    {},
    el(
      "div",
      { class: "bars pairs", role: "list" },
      el(
        "div",
        { class: "head", role: "presentation" },
        el("span"),
        el("span", {}, "before: P(token | text so far)"),
        el("span", {}, "after: P(token) when it was drawn"),
      ),
      step.options.map(row),
    ),
    hint("▸ marks the token that was taken. Hatched: removed, by the sampler that is named."),
  );
}

function effects(step) {
  if (!step.effects.length) return hint("No sampler was on: the token was drawn from the model's own distribution.");
  const rows = step.effects.map((effect) => [
    effect.sampler,
    `${effect.setting}${UNITS[effect.sampler] ?? ""}`,
    effect.removed ? count(effect.removed) : "–",
    effect.removed ? percent(effect.mass) : "–",
    effect.removed ? percent(effect.mass_before) : "–",
    percent(effect.moved),
  ]);
  return el(
    "div",
    {},
    over("The samplers, in the order in which they act"),
    table(
      columnsOf(
        "sampler | setting | >tokens removed | >their probability here",
        ">their probability in the model | >probability moved",
      ),
      rows,
    ),
  );
}

// Surprisal and entropy over the tokens.
export function traceLines(steps, width, chosen, pick) {
  const left = 40,
    right = 108,
    top = 18,
    tall = 130,
    under = 70;
  const slot = Math.max(15, Math.min(46, (width - left - right) / steps.length)),
    whole = Math.max(width, left + right + slot * steps.length);
  const most = Math.max(1, ...steps.flatMap((step) => [step.surprisal_bits ?? 0, step.entropy_bits ?? 0]));
  const x = (i) => left + slot * (i + 0.5),
    y = (value) => top + tall * (1 - (value ?? 0) / most),
    foot = top + tall;
  const image = picture(
    whole,
    foot + under,
    "Lines over the tokens: surprisal, entropy before and entropy after the samplers, in bits. The table " +
      "below has the numbers.",
  );
  image.append(
    ...rules(ticks(0, most, 4), left, left + slot * steps.length, y),
    svg("text", { class: "m", x: 0, y: 12 }, "bits"),
    svg("line", { class: "i", x1: x(chosen), x2: x(chosen), y1: top, y2: foot, "stroke-dasharray": "1 3" }),
  );
  const along = (key) => path(steps.map((step, i) => [x(i), y(step[key])]));
  image.append(
    svg("path", { class: "al", d: along("entropy_after_bits"), "stroke-dasharray": "4 3" }),
    svg("path", { class: "al", d: along("entropy_bits") }),
    svg("path", { class: "i", d: along("surprisal_bits"), "stroke-width": 1.6 }),
  );
  steps.forEach((step, i) =>
    image.append(
      svg("circle", {
        class: i === chosen ? "on dot" : "dot",
        cx: x(i),
        cy: y(step.surprisal_bits),
        r: i === chosen ? 4 : 2.4,
      }),
      svg(
        "text",
        {
          class: `mono${i === chosen ? " a" : ""}`,
          transform: `translate(${x(i) + 3},${foot + 10}) rotate(-55)`,
          "text-anchor": "end",
        },
        clip(plain(step.token), 9),
      ),
      svg("rect", {
        class: "hot",
        x: x(i) - slot / 2,
        y: top,
        width: slot,
        height: tall + 16,
        on: { click: () => pick(i) },
      }),
    ),
  );
  image.append(...labels(steps[steps.length - 1], left + slot * steps.length + 6, y, top));
  return image;
}

// The lines are named at their ends; the names do not overlap.
function labels(last, at, y, top) {
  const names = [
    ["surprisal", last.surprisal_bits, ""],
    ["entropy before", last.entropy_bits, "a"],
    ["entropy after", last.entropy_after_bits, "a"],
  ];
  let low = top - 12;
  return names
    .sort((a, b) => b[1] - a[1])
    .map(([name, value, style]) => {
      low = Math.max(low + 14, y(value) + 4);
      return svg("text", { class: style || null, x: at, y: low }, name);
    });
}

export const STEP_COLUMNS = columnsOf(
  ">rank | >probability before | >after | >entropy before, bits | >after, bits",
  "removed: tokens",
);

export function stepCells(step) {
  const removed = step.effects
    .filter((effect) => effect.removed)
    .map((effect) => `${effect.sampler} ${count(effect.removed)} (${percent(effect.mass_before)})`);
  return [step.rank, step.before, step.after, step.entropy_bits, step.entropy_after_bits, removed.join(", ")];
}
