// The atlas: what every head does on this text, as a letter and a shade, and one head's numbers beside what chance
// gives.
import {
  bars,
  choice,
  count,
  el,
  facts,
  fixed,
  heading,
  hint,
  legible,
  over,
  plain,
  ramp,
  readout,
  twin,
} from "./draw.js";
import { headGrid, quoted, shadeKey, sortedTable } from "./headgrid.js";
import { onTheme } from "./lifetime.js";
import { meanings } from "./terms.js";

// The letters of the roles, in the figures as well (views/figures/heads.py), and what a role means.
const ROLES = {
  "first token": [
    "F",
    "It looks at the first token, whatever that is. Heads often do so when their pattern does not occur.",
  ],
  "previous token": ["P", "It looks one token back."],
  "next token": ["N", "It looks one token ahead."],
  "same token": ["S", "It looks at the token it stands on."],
  "duplicate token": ["D", "It looks at earlier copies of the token it stands on."],
  induction: [
    "I",
    "It looks at what followed an earlier copy of the token: what came next last time may come next again.",
  ],
  local: ["L", "It looks at the tokens close by, at none of them in particular."],
  broad: ["B", "It spreads its weight over nearly everything it may see."],
  mixed: ["·", "It follows none of these patterns clearly."],
};
const SHARES = [
  ["sink", "first token"],
  ["previous", "previous token"],
  ["current", "token itself"],
  ["next", "next token"],
  ["duplicate", "earlier same token"],
  ["induction", "after an earlier same token"],
  ["received", "its most attended token"],
];
// The largest part of the ramp that a role's shade uses, so that its letter stays easy to read.
const PALE = 0.375;
const KINDS = ["self", "encoder", "decoder", "cross"];

export function drawHeads(element, record) {
  const { columns, several } = layout(record),
    rows = Array.from({ length: record.heads_per_layer }, (_, i) => String(i));
  const at = new Map(record.heads.map((entry) => [`${entry.kind} ${entry.layer} ${entry.head}`, entry]));
  const entryAt = (column, row) => at.get(`${columns[column].kind} ${columns[column].layer} ${row}`) ?? null;
  const scores = [
    ["certainty", "role, how certain"],
    ["entropy_bits", "entropy, bits"],
    ["distance", "distance, tokens"],
    ...SHARES.map(([key, name]) => [key, `share: ${name}`]),
  ].filter(([key]) => record.heads.some((entry) => typeof entry[key] === "number"));
  const state = { score: "certainty", paint: ramp(), column: 0, row: 0 };
  const share = (value) =>
    SHARES.some(([key]) => key === state.score) ? value : value / (most(record, state.score) || 1);
  const line = readout(),
    card = el("div"),
    keys = el("div");
  const grid = headGrid({
    columns,
    rows,
    label: "All heads, layers across; arrow keys choose one",
    pick: (column, row) => choose(column, row),
    cell: (column, row) => {
      const entry = entryAt(column, row);
      if (!entry) return null;
      const value = entry[state.score];
      return {
        rgb: state.paint(
          typeof value !== "number"
            ? 0
            : state.score === "certainty"
              ? PALE * value
              : Math.sqrt(Math.max(0, share(value))),
        ),
        letter: letterOf(entry.role),
      };
    },
  });
  const change = (score) => {
    state.score = score;
    paint();
  };
  const select = choice(scores, change, { style: { "max-width": "20rem" } });
  function paint() {
    grid.draw();
    keys.replaceChildren(scaleKey(record, scores, state.score));
  }
  function choose(column, row) {
    const entry = entryAt(column, row);
    if (!entry) return;
    Object.assign(state, { column, row });
    grid.mark(column, row);
    line.replaceChildren(
      el("b", {}, `Head ${nameOf(entry, several)}`),
      `: ${entry.role} (${letterOf(entry.role)}), certainty ${fixed(entry.certainty, 2)}. ` +
        `${ROLES[entry.role]?.[1] ?? ""}`,
    );
    card.replaceChildren(...describe(record, entry));
  }
  onTheme(element, () => {
    state.paint = ramp();
    paint();
  });
  element.append(
    heading("Heads", record.model),
    hint(
      `${count(record.heads.length)} heads on ${count(record.tokens.length)} tokens. The letter is what a ` +
        "head does, the shade a score; layers across, heads down.",
    ),
    meanings("role", "entropy of a head", "mean distance", "first token", "same token before", "induction"),
    quoted(record.text),
    el("div", { class: "controls" }, el("label", {}, "shade", select)),
    grid.node,
    keys,
    letters(record),
    line,
    card,
    twin("All heads as a table that sorts", () =>
      sortedTable(record.heads, tableColumns(record, several), (entry) => {
        choose(
          columns.findIndex((one) => one.kind === entry.kind && one.layer === entry.layer),
          entry.head,
        );
        grid.node.focus();
      }),
    ),
  );
  paint();
  const best = strongest(record);
  if (best)
    choose(
      columns.findIndex((one) => one.kind === best.kind && one.layer === best.layer),
      best.head,
    );
}

function layout(record) {
  const kinds = KINDS.filter((kind) => record.heads.some((entry) => entry.kind === kind)),
    several = kinds.length > 1;
  const columns = kinds.flatMap((kind) =>
    [...new Set(record.heads.filter((entry) => entry.kind === kind).map((entry) => entry.layer))]
      .sort((a, b) => a - b)
      .map((layer, i) => ({ kind, layer, name: `${several ? kind[0] : ""}${layer}`, first: i === 0 })),
  );
  return { columns, several };
}

function nameOf(entry, several) {
  return `${several ? `${entry.kind} ` : ""}${entry.layer}.${entry.head}`;
}

function letterOf(role) {
  return ROLES[role]?.[0] ?? "?";
}

function most(record, key) {
  return record.heads.reduce((best, entry) => Math.max(best, entry[key] ?? 0), 0);
}

// The head to begin with: the one with the highest certainty, except heads that only look at the first token.
function strongest(record) {
  const dull = ["first token", "mixed", "broad"];
  return record.heads.reduce(
    (best, entry) =>
      !best ||
      (dull.includes(best.role) && !dull.includes(entry.role)) ||
      (dull.includes(best.role) === dull.includes(entry.role) && entry.certainty > best.certainty)
        ? entry
        : best,
    null,
  );
}

function scaleKey(record, scores, score) {
  const name = scores.find(([key]) => key === score)[1],
    chance = record.chance?.[score];
  if (score === "certainty")
    return shadeKey(
      "0",
      "1",
      "certainty: the share of positions at which the role holds; the lower end of its 95 % interval",
      "pale",
    );
  const whole = SHARES.some(([key]) => key === score);
  const said = typeof chance === "number" ? `; equal weight on all visible tokens would give ${fixed(chance, 3)}` : "";
  return shadeKey(
    "0",
    whole ? "1" : fixed(most(record, score), 2),
    `${name} (shade: square root${whole ? "" : " of the share of the largest"})${said}`,
  );
}

function letters(record) {
  const numbers = new Map();
  for (const entry of record.heads) numbers.set(entry.role, (numbers.get(entry.role) ?? 0) + 1);
  const sorted = [...numbers].sort((a, b) => b[1] - a[1]);
  return el(
    "ul",
    { class: "words" },
    sorted.map(([role, number]) => el("li", {}, el("code", {}, letterOf(role)), ` ${role}: ${count(number)}`)),
  );
}

// One head's shares beside what chance would give, and its other scores.
function describe(record, entry) {
  const rows = SHARES.filter(([key]) => typeof entry[key] === "number").map(([key, name]) => {
    const chance = record.chance?.[key];
    return {
      name,
      spaces: false,
      value: entry[key],
      text: `${fixed(entry[key], 3)}${typeof chance === "number" ? ` (by chance ${fixed(chance, 3)})` : ""}`,
    };
  });
  const position = entry.received_position,
    token = entry.kind === "self" ? record.tokens[position] : undefined;
  return [
    facts([
      ["entropy of its rows", `${fixed(entry.entropy_bits, 2)} bits`],
      ["mean distance", typeof entry.distance === "number" ? `${fixed(entry.distance, 2)} tokens` : "–"],
      [
        "most attended",
        token === undefined
          ? `position ${position ?? "–"}`
          : el("span", {}, el("code", {}, legible(token)), ` (position ${position})`),
      ],
    ]),
    over("Where its weight goes: mean share over the positions"),
    bars(rows, 1, { long: true }),
  ];
}

function tableColumns(record, several) {
  const columns = [
    {
      head: "head",
      of: (entry) => nameOf(entry, several),
      key: (entry) => KINDS.indexOf(entry.kind) * 1e9 + entry.layer * 1e4 + entry.head,
    },
    { head: "role", of: (entry) => entry.role },
    { head: "certainty", n: true, of: (entry) => entry.certainty },
    { head: "entropy, bits", n: true, of: (entry) => entry.entropy_bits },
    { head: "distance, tokens", n: true, of: (entry) => entry.distance },
  ];
  for (const [key, name] of SHARES) columns.push({ head: name, n: true, of: (entry) => entry[key] });
  columns.push({ head: "which position", n: true, of: (entry) => entry.received_position });
  if (record.heads.every((entry) => entry.kind === "self"))
    columns.push({ head: "which token", of: (entry) => plain(record.tokens[entry.received_position] ?? "–") });
  return columns;
}
