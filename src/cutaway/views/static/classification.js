// How a text becomes a label, step by step with the real numbers: text, ids, logits, softmax, label.
import {
  bars,
  columnsOf,
  count,
  el,
  exact,
  fixed,
  heading,
  hint,
  legible,
  over,
  percent,
  plain,
  table,
  twin,
} from "./draw.js";
import { meanings } from "./terms.js";

export function drawClassification(element, record) {
  const head = record.method === "head";
  const steps = [
    [head ? "The text" : "The text, put as a question", textStep(record)],
    [`${count(record.ids.length)} token ids`, idsStep(record)],
    [
      head ? "Logits: one number per label" : "Logits: how much more likely the text makes each label, nats",
      logitsStep(record),
    ],
    ["Softmax: numbers that add up to 1", softmaxStep(record)],
    ["The label", verdict(record)],
  ];
  const list = el(
    "ol",
    { class: "flow" },
    steps.map(([title, content]) => el("li", {}, over(title), content)),
  );
  element.append(
    heading(head ? "Classification by a head" : "Classification by a language model", record.model),
    list,
    meanings("logit", "softmax"),
    numbers(record),
  );
}

function textStep(record) {
  const asked =
    record.prompt && record.prompt !== record.text
      ? [
          hint("What the model reads:"),
          el("p", { class: "text" }, legible(record.prompt, { spaces: false, breaks: true })),
        ]
      : [];
  return [el("p", { class: "text" }, legible(record.text, { spaces: false, breaks: true })), ...asked];
}

function idsStep(record) {
  const shown = Math.min(60, record.ids.length);
  const chips = record.ids
    .slice(0, shown)
    .map((id, i) =>
      el(
        "div",
        { class: "chip" },
        el("span", { class: "piece" }, legible(record.tokens[i])),
        el("span", { class: "id" }, id),
      ),
    );
  const left = record.ids.length - shown;
  return [el("div", { class: "chips" }, chips), left > 0 ? hint(`and ${count(left)} more`) : null];
}

function logitsStep(record) {
  const rows = record.labels.map((label, i) => ({
    name: label,
    spaces: false,
    value: record.logits[i],
    text: fixed(record.logits[i], 3),
  }));
  const words = (record.label_tokens ?? []).map((tokens, i) =>
    tokens.length
      ? el(
          "p",
          { class: "sums" },
          `${record.labels[i]}: `,
          tokens.map((token, j) => [
            j ? " + " : "",
            el("span", {}, legible(token.token), ` ${fixed(token.logprob, 3)}`),
          ]),
          ` = ${fixed(
            tokens.reduce((sum, token) => sum + token.logprob, 0),
            3,
          )} after the prompt; ${fixed(record.priors[i], 3)} without the text; ` +
            `difference ${fixed(record.logits[i], 3)}`,
        )
      : null,
  );
  return [bars(rows), words];
}

function softmaxStep(record) {
  const best = record.labels.indexOf(record.label);
  const rows = record.labels.map((label, i) => ({
    name: label,
    spaces: false,
    value: record.probabilities[i],
    text: percent(record.probabilities[i]),
    chosen: i === best,
  }));
  return [best >= 0 ? formula(record, best) : null, bars(rows, 1)];
}

function formula(record, best) {
  const shown =
    record.logits.length <= 4
      ? record.logits.map((logit) => `exp(${fixed(logit, 3)})`).join(" + ")
      : `sum of exp(logit) over ${record.logits.length} labels`;
  return el(
    "p",
    { class: "sums" },
    `exp(${fixed(record.logits[best], 3)}) ÷ (${shown}) = ${fixed(record.probabilities[best], 4)}`,
  );
}

function verdict(record) {
  return el(
    "p",
    { class: "verdict" },
    el("b", {}, legible(record.label, { spaces: false })),
    ` with probability ${fixed(record.score, 4)}`,
  );
}

function numbers(record) {
  const unit = record.method === "head" ? "logit" : "logit, nats";
  const calibrated = record.method !== "head";
  const columns = [
    { head: "label" },
    ...(calibrated ? [{ head: "log P without the text, nats", n: true }] : []),
    { head: unit, n: true },
    { head: "probability", n: true },
  ];
  const rows = record.labels.map((label, i) => [
    label,
    ...(calibrated ? [record.priors[i]] : []),
    record.logits[i],
    record.probabilities[i],
  ]);
  const tokens = record.ids.map((id, i) => [i, plain(record.tokens[i]), id]);
  return twin(
    "The numbers as tables",
    el(
      "div",
      {},
      hint(`Label ${record.label}, score ${exact(record.score)}.`),
      table(columns, rows),
      table(columnsOf(">token | `piece | >id"), tokens),
    ),
  );
}
