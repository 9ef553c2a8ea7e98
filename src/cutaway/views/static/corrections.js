// A text with its probable mistakes: what is there, what the model puts there, and how much it gains by each edit.
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
  percent,
  plain,
  readout,
  surprise,
  surpriseKey,
  table,
  twin,
} from "./draw.js";
import { option, rover } from "./rover.js";
import { meanings } from "./terms.js";

const MOST = 1200; // elements drawn one by one
const WHAT = { substitute: "wrong", insert: "missing", delete: "surplus" };
const DOES = {
  substitute: "replace one",
  slip: "undo a slip",
  insert: "put one in",
  delete: "take one out",
  repeat: "take out a repeat",
};

export function drawCorrections(element, record) {
  const { corrections } = record,
    line = readout(),
    here = el("div"),
    text = marked(record);
  element.append(
    heading("Probable mistakes", record.model),
    hint(
      "An edit is shown if the model prefers the edited sequence by more nats than required. Then a mistake is more " +
        `likely than not, if ${exact(100 * record.error_rate)} % of the elements are wrong, as many are missing ` +
        "and as many are surplus.",
    ),
    facts([
      ["probable mistakes", count(corrections.length)],
      [`${record.kind}s`, count(record.elements.length)],
      ["gained by all edits", `${fixed(record.gain, 2)} nats`],
    ]),
    over(corrections.length ? "The text, with each edit in its place" : "The text"),
    text,
    surpriseKey(),
  );
  if (record.elements.length > MOST)
    element.append(hint(`The first ${count(MOST)} of ${count(record.elements.length)} elements are drawn.`));
  if (corrections.length) {
    const drawn = new Set([...text.querySelectorAll("[data-i]")].map((node) => Number(node.dataset.i)));
    const rove = rover(text, "The probable mistakes; arrow keys move", (i) => {
      line.replaceChildren(...describe(record, corrections[i]));
      here.replaceChildren(...balance(corrections[i]));
    });
    element.append(
      line,
      here,
      over("The corrected text"),
      el("p", { class: "text" }, legible(record.corrected, { spaces: false, breaks: true })),
    );
    if (drawn.size) rove.pick(Math.min(...drawn));
  } else element.append(hint("No edit gains enough: to this model nothing here is probably a mistake."));
  element.append(
    over("What an edit must gain, nats"),
    bars(
      Object.entries(record.required).map(([kind, nats]) => ({
        name: DOES[kind] ?? kind,
        spaces: false,
        value: nats,
        text: fixed(nats, 2),
      })),
    ),
    meanings("surprisal", "noisy channel", record.method, "nat"),
    numbers(record),
  );
}

// The text, each element shaded by its surprisal; an edit is one thing to choose.
function marked(record) {
  const letters = [...record.text],
    at = new Map();
  record.corrections.forEach((one, i) => {
    at.set(one.position, [...(at.get(one.position) ?? []), [one, i]]);
  });
  const nodes = [];
  let end = 0;
  record.elements.slice(0, MOST).forEach((one, i) => {
    const between = letters.slice(end, one.start).join("");
    if (between) nodes.push(between);
    nodes.push(...edited(one, at.get(i + 1) ?? []));
    end = one.end;
  });
  if (record.elements.length <= MOST) nodes.push(...missing(at.get(record.elements.length + 1) ?? []));
  return el("p", { class: "text" }, nodes);
}

function edited(one, edits) {
  const change = edits.find(([edit]) => edit.kind !== "insert");
  const shade = `tok ${surprise(one.surprisal_bits)}`,
    shown = () => legible(one.text, { spaces: false, breaks: true });
  if (!change) return [...missing(edits), el("span", { class: shade }, shown())];
  const [edit, i] = change;
  const struck = el("s", { class: shade }, shown());
  const whole = el("span", option(i, { class: "edit" }), struck, edit.put ? el("ins", {}, legible(edit.put)) : null);
  return [...missing(edits.filter(([other]) => other.kind === "insert")), whole];
}

function missing(edits) {
  return edits
    .filter(([edit]) => edit.kind === "insert")
    .map(([edit, i]) => el("span", option(i, { class: "edit" }), el("ins", {}, legible(edit.put))));
}

function describe(record, edit) {
  const put = el("code", {}, legible(edit.put)),
    found = el("code", {}, legible(edit.found)),
    chance = `: a mistake with probability ${percent(edit.probability)}.`;
  const place = `${record.kind} ${count(edit.position)}`;
  if (edit.kind === "insert") return [put, ` is missing before ${place}`, chance];
  if (edit.kind === "delete") return [found, ` (${place}) is surplus`, chance];
  return [found, ` (${place}) should be `, put, chance];
}

function balance(edit) {
  const rows = [
    { name: "gained, nats", spaces: false, value: edit.gain, text: fixed(edit.gain, 2), chosen: true },
    { name: "required, nats", spaces: false, value: edit.required, text: fixed(edit.required, 2) },
  ];
  return [bars(rows)];
}

function numbers(record) {
  const edits = table(
    columnsOf(">place | what | `found | `put | >gain, nats | >required, nats | >probability"),
    record.corrections.map((one) => [
      one.position,
      WHAT[one.kind] ?? one.kind,
      one.found ? plain(one.found) : "–",
      one.put ? plain(one.put) : "–",
      exact(one.gain),
      exact(one.required),
      exact(one.probability),
    ]),
  );
  const all = () =>
    table(
      columnsOf(`>place | \`${record.kind} | >surprisal, bits`),
      record.elements.map((one, i) => [i + 1, plain(one.text), exact(one.surprisal_bits)]),
    );
  return el("div", {}, twin("The edits as a table", edits), twin("The surprisal of every element as a table", all));
}
