// What a model wrote, token by token: how surprised it was by each, and what else it might have said.
import {
  bars,
  bits,
  columnsOf,
  count,
  el,
  facts,
  fit,
  fixed,
  heading,
  hint,
  legible,
  likeliest,
  over,
  percent,
  plain,
  readout,
  surprise,
  surpriseKey,
  table,
  twin,
} from "./draw.js";
import { pieces, rover } from "./rover.js";
import { meanings } from "./terms.js";
import { describeStep, STEP_COLUMNS, stepCells, stepParts, traceLines } from "./trace.js";

const ENDS = {
  eos: "the model ended it",
  stop: "a stop text was reached",
  length: "the limit of new tokens was reached",
};

export function drawGeneration(element, record) {
  const line = readout();
  const steps = record.trace ?? [];
  let at = 0;
  const chart = steps.length
    ? fit((width) => el("div", {}, steps[at] ? stepParts(steps[at], width) : []), { class: null })
    : el("div");
  const lines = steps.length
    ? fit((width) => traceLines(steps, width, at, (i) => rove.pick(i, true)), {
        tabindex: "0",
        role: "region",
        "aria-label": "Surprisal and entropy over the tokens",
      })
    : null;
  // An answer stands on a line below its question; a continuation follows its prompt directly.
  const prompt = el("span", { class: "prompt" }, legible(record.prompt, { spaces: false, breaks: true }));
  const text = el("p", { class: "text" }, prompt, record.continues === false ? el("br") : null);
  const written = pieces(record.tokens, (i) => surprise(bits(negative(record.logprobs[i]))));
  text.append(written);
  const rove = rover(written, "The tokens the model wrote; arrow keys move", (i) => {
    line.replaceChildren(...describe(record, i));
    at = i;
    if (steps.length) {
      chart.redraw();
      lines.redraw();
    } else chart.replaceChildren(...alternatives(record, i));
  });
  element.append(
    heading("What the model wrote", record.model),
    text,
    surpriseKey(),
    line,
    chart,
    ...(lines ? [over("Surprisal and entropy along the text"), lines] : []),
    settings(record),
    meanings("surprisal", ...(steps.length ? ["entropy", "rank"] : [])),
    numbers(record),
  );
  if (record.tokens.length) rove.pick(firstChoice(record));
}

// Start at the first token that the model was unsure of: its alternatives are worth reading.
function firstChoice(record) {
  const found = record.logprobs.findIndex((value) => typeof value === "number" && bits(-value) > 1);
  return Math.max(0, found);
}

function negative(value) {
  return typeof value === "number" ? -value : null;
}

function describe(record, i) {
  const value = record.logprobs[i],
    step = record.trace?.[i];
  const chance =
    typeof value === "number"
      ? `: probability ${percent(Math.exp(value))}, surprisal ${fixed(bits(-value), 2)} bits.`
      : ".";
  return [
    `Token ${i + 1} of ${count(record.tokens.length)} is `,
    el("code", {}, legible(record.tokens[i])),
    ` (id ${record.token_ids[i]})`,
    ...(step ? [". ", ...describeStep(step)] : [chance]),
  ];
}

function alternatives(record, i) {
  const listed = record.alternatives?.[i] ?? [];
  if (!listed.length) return [];
  const chosen = record.token_ids[i],
    known = listed.some((entry) => entry.id === chosen) || typeof record.logprobs[i] !== "number",
    own = { id: chosen, token: record.tokens[i], probability: Math.exp(record.logprobs[i]) };
  const rows = likeliest(known ? listed : [...listed, own], (entry) => entry.id === chosen);
  return [
    over("What could have come here: P(token | text so far)"),
    bars(rows, 1),
    hint(
      "▸ marks the token that was taken. The bars are the model's own probabilities, before temperature or filters.",
    ),
  ];
}

function settings(record) {
  const s = record.settings ?? {};
  const on = (label, value, off) =>
    value === null || value === undefined || value === off ? null : [label, String(value)];
  return facts([
    ["new tokens", count(record.tokens.length)],
    s.temperature === undefined || s.temperature === null
      ? null
      : ["temperature", s.temperature === 0 ? "0 (greedy)" : String(s.temperature)],
    on("top-k, tokens", s.top_k, 0),
    on("top-p, probability", s.top_p, 1),
    on("min-p, share of the best", s.min_p, 0),
    on("repetition penalty", s.repetition_penalty, 1),
    on("presence penalty, nats", s.presence_penalty, 0),
    on("seed", record.seed),
    ["the end", ENDS[record.finish_reason] ?? record.finish_reason ?? "–"],
  ]);
}

function numbers(record) {
  const columns = [
    ...columnsOf(">token | `piece | >id | >log-probability, nats | >surprisal, bits", "`likeliest instead"),
    ...(record.trace?.length ? STEP_COLUMNS : []),
  ];
  const rows = () =>
    record.tokens.map((piece, i) => {
      const step = record.trace?.[i];
      const other = (
        record.alternatives?.[i]?.length
          ? record.alternatives[i]
          : (step?.options ?? []).map((option) => ({ ...option, probability: option.before }))
      )
        .filter((entry) => entry.id !== record.token_ids[i])
        .slice(0, 3);
      return [
        i,
        plain(piece),
        record.token_ids[i],
        record.logprobs[i],
        bits(negative(record.logprobs[i])),
        other.map((entry) => `${plain(entry.token)} ${percent(entry.probability)}`).join("   "),
        ...(step ? stepCells(step) : []),
      ];
    });
  return twin("The tokens as a table", () => table(columns, rows()));
}
