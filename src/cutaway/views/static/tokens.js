// Text cut into tokens: each piece a box with its id, and tokenizers of the same text compared.
import {
  bars,
  columnsOf,
  count,
  el,
  exact,
  facts,
  fixed,
  heading,
  hint,
  legible,
  over,
  plain,
  readout,
  table,
  twin,
} from "./draw.js";
import { option, rover } from "./rover.js";
import { drawStates } from "./states.js";
import { drawMerges, drawNumbers } from "./steps.js";

const AT_ONCE = 2000,
  OF_SERIES = 120; // tokens shown before one asks for more; of a series the plot below says more

export function drawTokens(element, record) {
  element.append(
    heading(`Tokens · ${record.kind ?? "tokenizer"}`, record.model),
    summary(record),
    chips(record),
    ...drawMerges(record),
    ...drawNumbers(record),
    ...drawStates(record),
    ...vocabulary(record),
    numbers(record),
  );
}

// Several tokenizers, one text: first the counts side by side, then each cut in full.
export function drawTokenComparison(element, records) {
  const rows = records.map((record) => ({
    name: `${record.model} (${record.kind ?? "tokenizer"})`,
    spaces: false,
    value: record.ids.length,
    text: `${count(record.ids.length)} tokens, ${perToken(letters(record), record)} characters each`,
  }));
  element.append(
    heading("One text, several tokenizers"),
    hint("Fewer, longer tokens: more text fits in the context, for a larger vocabulary."),
    bars(rows, undefined, { long: true }),
  );
  for (const record of records) {
    const size = typeof record.vocab_size === "number" ? `, vocabulary of ${count(record.vocab_size)}` : "";
    element.append(
      over(`${record.model} · ${record.kind ?? "tokenizer"}${size}`),
      record.caption ? el("p", { class: "hint" }, legible(record.caption, { spaces: false })) : "",
      chips(record, record === records[0]),
      numbers(record),
    );
  }
}

function letters(record) {
  return [...record.text].length;
}

function perToken(amount, record) {
  return record.ids.length ? fixed(amount / record.ids.length, 2) : "–";
}

function summary(record) {
  const size = typeof record.bytes === "number" ? record.bytes : new TextEncoder().encode(record.text).length;
  return facts([
    ["tokens", count(record.ids.length)],
    record.states ? null : ["characters per token", perToken(letters(record), record)],
    record.states ? null : ["bytes per token", perToken(size, record)],
    record.unknown ? ["unknown tokens", count(record.unknown)] : null,
    ["tokens in the vocabulary", count(record.vocab_size)],
    ["text → ids → text", record.round_trip === null ? "–" : record.round_trip ? "exact" : "not exact"],
  ]);
}

function chips(record, teach = true) {
  const box = el("div", { class: "chips" });
  const line = readout();
  const total = record.ids.length;
  const add = (from, to) => {
    for (let i = from; i < Math.min(to, total); i += 1) {
      box.append(
        el(
          "div",
          option(i, { class: record.special?.[i] ? "chip special" : "chip" }),
          el("span", { class: "piece" }, legible(record.states ? record.tokens[i] : record.pieces[i])),
          el("span", { class: "id" }, record.ids[i]),
        ),
      );
    }
  };
  const first = record.states || record.numbers ? OF_SERIES : AT_ONCE;
  add(0, first);
  rover(box, `The ${count(total)} tokens; arrow keys move`, (i) => line.replaceChildren(...describe(record, i)), {
    hover: true,
  });
  if (teach)
    line.replaceChildren(
      "Point at a token, or reach it with the arrow keys, to read its id and its place in the text.",
    );
  const parts = [box, line];
  if (total > first) {
    const more = el("button", { type: "button", class: "more" }, `Show the other ${count(total - first)} tokens`);
    more.addEventListener("click", () => {
      add(first, total);
      more.remove();
    });
    parts.push(more);
  }
  if (record.round_trip === false && !record.states && !record.numbers)
    parts.push(el("p", { class: "hint" }, "Decoding the ids gives: ", el("code", {}, legible(record.decoded))));
  return el("div", {}, parts);
}

function describe(record, i) {
  const [start, end] = record.offsets?.[i] ?? [null, null];
  const place =
    start === null || start === end ? "no characters of the text" : `characters ${start} to ${end} of the text`;
  return [
    el("code", {}, legible(record.pieces[i])),
    ` is id ${record.ids[i]}, token ${i + 1} of ${count(record.ids.length)}, ${place}; in the vocabulary `,
    el("code", {}, legible(record.tokens[i])),
    record.special?.[i] ? ", a special token that the tokenizer adds" : "",
  ];
}

function vocabulary(record) {
  if (!record.sample?.length) return [];
  const items = record.sample.map((entry) => el("li", {}, el("code", {}, legible(entry.token)), ` ${entry.id}`));
  return [
    el(
      "details",
      { class: "more" },
      el("summary", {}, `A sample of the ${count(record.vocab_size)} entries of the vocabulary`),
      el("ul", { class: "words" }, items),
    ),
  ];
}

function numbers(record) {
  const columns = columnsOf(
    ">token | `piece | >id | >start, characters | >end, characters | `in the vocabulary",
    "special",
  );
  const rows = record.ids.map((id, i) => [
    i,
    plain(record.pieces[i]),
    id,
    record.offsets?.[i]?.[0] ?? null,
    record.offsets?.[i]?.[1] ?? null,
    plain(record.tokens[i]),
    record.special?.[i] ? "yes" : "",
  ]);
  return twin(`The ${exact(record.ids.length)} tokens as a table`, table(columns, rows));
}
