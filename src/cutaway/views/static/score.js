// How surprised a model is by a text: each token's surprisal in bits, the entropy before it, and what it expects next.
import {
  bars,
  count,
  el,
  exact,
  facts,
  fit,
  fixed,
  heading,
  hint,
  legible,
  over,
  percent,
  plain,
  readout,
  surprise,
  surpriseKey,
  svg,
  table,
  ticks,
  twin,
} from "./draw.js";
import { rover } from "./rover.js";
import { meanings } from "./terms.js";

export function drawScore(element, record) {
  const line = readout();
  const tokens = record.tokens;
  const words = el(
    "span",
    {},
    tokens.map((token, i) =>
      el(
        "span",
        {
          class: `tok ${surprise(token.surprisal_bits)}`,
          "data-i": i,
          role: "option",
          tabindex: i === 0 ? "0" : "-1",
          "aria-selected": "false",
        },
        legible(token.token, { spaces: false, breaks: true }),
      ),
    ),
  );
  const text = el(
    "p",
    { class: "text" },
    record.first
      ? el(
          "span",
          { class: "tok first", title: "The first token has nothing before it, so it is not scored" },
          legible(record.first.token, { spaces: false, breaks: true }),
        )
      : null,
    words,
  );
  let chosen = 0;
  const strip = fit((width) => drawStrip(tokens, width, chosen, (i) => rove.pick(i)));
  const mark = () =>
    strip
      .querySelectorAll("[data-bar]")
      .forEach((bar) => bar.classList.toggle("on", Number(bar.getAttribute("data-bar")) === chosen));
  const rove = rover(words, "The scored tokens; arrow keys move", (i) => {
    chosen = i;
    line.replaceChildren(...describe(tokens[i]));
    mark();
  });
  element.append(heading("Surprisal of a text", record.model), totals(record), text, surpriseKey(), line);
  if (tokens.length)
    element.append(
      meanings("surprisal", "entropy", "rank", "perplexity", "bits per byte"),
      over("Bits per token"),
      strip,
      ...next(record),
      numbers(record),
    );
  if (tokens.length) rove.pick(peak(tokens));
}

function peak(tokens) {
  return tokens.reduce(
    (best, token, i) => ((token.surprisal_bits ?? 0) > (tokens[best].surprisal_bits ?? 0) ? i : best),
    0,
  );
}

function totals(record) {
  return facts([
    ["tokens scored", count(record.tokens.length)],
    ["bits in all", fixed(record.total_bits, 1)],
    ["bits per token", fixed(record.bits_per_token, 3)],
    ["bits per byte of text", fixed(record.bits_per_byte, 3)],
    ["perplexity, tokens", fixed(record.perplexity, 2)],
  ]);
}

function describe(token) {
  return [
    el("code", {}, legible(token.token)),
    ` (id ${token.id}) cost ${fixed(token.surprisal_bits, 2)} bits: the model gave it ` +
      `${percent(Math.exp(token.logprob))}, rank ${count(token.rank)}. `,
    typeof token.entropy_bits === "number"
      ? `Its entropy before that token was ${fixed(token.entropy_bits, 2)} bits.`
      : "",
  ];
}

function drawStrip(tokens, width, chosen, pick) {
  const left = 40,
    right = 64,
    top = 16,
    tall = 150,
    under = 74;
  const slot = Math.max(16, Math.min(46, Math.floor((width - left - right) / tokens.length)));
  const whole = Math.max(width, left + right + slot * tokens.length);
  const most = Math.max(1, ...tokens.map((token) => Math.max(token.surprisal_bits ?? 0, token.entropy_bits ?? 0)));
  const y = (value) => top + tall * (1 - value / most);
  const image = svg("svg", {
    width: whole,
    height: top + tall + under,
    role: "img",
    "aria-label": "Bars: surprisal of each token in bits. Marks: entropy in bits. The table below has the numbers.",
  });
  for (const at of ticks(0, most, 4)) {
    image.append(
      svg("line", {
        class: "l",
        x1: left,
        x2: left + slot * tokens.length,
        y1: y(at) + 0.5,
        y2: y(at) + 0.5,
        "stroke-dasharray": at ? "1 4" : null,
      }),
      svg("text", { class: "m", x: left - 6, y: y(at) + 4, "text-anchor": "end" }, at),
    );
  }
  image.append(svg("text", { class: "m", x: 0, y: 11 }, "bits"));
  tokens.forEach((token, i) => {
    const x = left + slot * i,
      value = token.surprisal_bits ?? 0,
      foot = top + tall;
    image.append(
      svg(
        "g",
        { "data-bar": i, class: i === chosen ? "on" : null, on: { click: () => pick(i) } },
        svg("rect", {
          class: "barfill",
          x: x + 3,
          y: y(value),
          width: slot - 6,
          height: Math.max(0.5, foot - y(value)),
        }),
        typeof token.entropy_bits === "number"
          ? svg("line", {
              class: "al",
              x1: x + 1,
              x2: x + slot - 1,
              y1: y(token.entropy_bits),
              y2: y(token.entropy_bits),
            })
          : null,
        svg(
          "text",
          { class: "mono", transform: `translate(${x + slot / 2 + 3},${foot + 8}) rotate(-55)`, "text-anchor": "end" },
          clip(plain(token.token), 10),
        ),
        svg("rect", { class: "hot", x, y: top, width: slot, height: tall + 20 }),
      ),
    );
  });
  const end = left + slot * tokens.length + 4,
    last = tokens[tokens.length - 1];
  const place = typeof last.entropy_bits === "number" ? y(last.entropy_bits) : top;
  image.append(svg("text", { class: "a", x: end, y: Math.max(top + 4, place + 4) }, "— entropy"));
  return image;
}

function clip(text, length) {
  const letters = [...text];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
}

function next(record) {
  if (!record.next?.length) return [];
  const rows = record.next.map((entry) => ({
    name: entry.token,
    value: entry.probability,
    text: percent(entry.probability),
  }));
  const rest = 1 - record.next.reduce((sum, entry) => sum + entry.probability, 0);
  if (rest > 1e-6)
    rows.push({ name: "every other token", spaces: false, value: rest, text: percent(rest), rest: true });
  return [
    over("What would come next: P(next | text)"),
    bars(rows, 1),
    hint(
      "Long bars: the model is sure. A long hatched bar: the probability is spread over the rest of the vocabulary.",
    ),
  ];
}

function numbers(record) {
  const columns = [
    { head: "token", n: true },
    { head: "piece", w: true },
    { head: "id", n: true },
    { head: "log-probability, nats", n: true },
    { head: "surprisal, bits", n: true },
    { head: "rank", n: true },
    { head: "entropy, bits", n: true },
  ];
  const rows = record.tokens.map((token, i) => [
    i + 1,
    plain(token.token),
    token.id,
    token.logprob,
    token.surprisal_bits,
    token.rank,
    token.entropy_bits,
  ]);
  if (record.first) rows.unshift([0, plain(record.first.token), record.first.id, null, null, null, null]);
  const total = hint(
    `Sum: ${exact(record.total_nats)} nats = ${exact(record.total_bits)} bits; ` +
      `${exact(record.bits_per_token)} bits per token; ${exact(record.bits_per_byte)} bits per byte; perplexity ` +
      `${exact(record.perplexity)}.`,
  );
  return twin("The scores as a table", el("div", {}, total, table(columns, rows)));
}
