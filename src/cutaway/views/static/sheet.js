// Records that a model wrote, a card each: molecules and series are drawn; what is wrong, repeated or known is marked.
import {
  bars,
  choice,
  columnsOf,
  count,
  el,
  facts,
  fit,
  heading,
  hint,
  legible,
  over,
  percent,
  svg,
  table,
  twin,
} from "./draw.js";
import { picture } from "./plots.js";

const FIRST = 60; // cards that are drawn at once
const DRAWN = /^data:image\/svg\+xml;base64,[A-Za-z0-9+/=]+$/; // an image that holds itself; nothing else is loaded
const SHOWN = [
  ["all", "all records", () => true],
  ["valid", "valid", (one) => one.valid],
  ["invalid", "not valid", (one) => !one.valid],
  ["repeated", "repeated", (one) => one.same_as !== null],
  ["known", "known", (one) => one.known === true],
  ["new", "valid, first of its kind and not known", (one) => one.valid && one.same_as === null && one.known !== true],
];

export function drawSheet(element, record) {
  const counts = record.counts,
    list = el("div", { class: "cards texts sheet" }),
    more = el("button", { type: "button" }),
    some = SHOWN.filter(([, , fits]) => record.records.some(fits));
  let left = [];
  function add() {
    list.append(...left.splice(0, FIRST).map((one) => card(one)));
    more.hidden = left.length === 0;
    more.textContent = `Show ${count(Math.min(FIRST, left.length))} more of ${count(left.length)}`;
  }
  function show(which) {
    left = record.records.filter(SHOWN.find(([name]) => name === which)[2]);
    list.replaceChildren();
    add();
  }
  more.addEventListener("click", add);
  show("all");
  const train = counts["train records"] !== undefined;
  element.append(
    heading("Written records", record.model),
    facts([
      ["records", count(counts.written)],
      ["valid", share(counts.valid, counts.written)],
      ["repeated", count(counts.repeated)],
      train ? ["in the train part", count(counts.known)] : null,
      ["not ended by the model", count(counts.unfinished)],
      ["first seed", String(record.seed)],
    ]),
    train ? hint(["The train part: ", legible(record.train, { spaces: false }), "."]) : "",
    el(
      "div",
      { class: "controls" },
      el(
        "label",
        {},
        "show",
        choice(
          some.map(([name, text]) => [name, text]),
          show,
        ),
      ),
    ),
    list,
    more,
  );
  const letters = Object.entries(record.letters);
  if (letters.length) element.append(over("How often each letter occurs"), composition(record, letters));
  element.append(
    twin("The records as a table", () => whole(record)),
    twin("The records as a plain list", () => el("pre", { tabindex: "0" }, record.records.map(plainLine).join("\n"))),
  );
}

function share(some, all) {
  return all ? `${count(some)} (${percent(some / all)})` : count(some);
}

function card(one) {
  const marks = [
    one.valid ? null : ["not valid", "bad"],
    one.same_as === null ? null : [`the same as ${one.same_as}`, ""],
    one.known === true ? ["in the train part", ""] : null,
    one.finished ? null : ["not ended", ""],
  ].filter(Boolean);
  return el(
    "div",
    { class: `card${one.valid ? "" : " broken"}` },
    el(
      "p",
      { class: "marks" },
      el("b", {}, count(one.number)),
      marks.map(([text, kind]) => el("span", { class: `mark-of ${kind}`.trim() }, text)),
    ),
    drawn(one),
    one.sequence
      ? el("p", { class: "said" }, el("code", {}, legible(shortened(one.sequence), { spaces: false, breaks: true })))
      : null,
    one.translation ? el("p", { class: "said" }, "protein: ", el("code", {}, shortened(one.translation))) : null,
    one.why ? hint(legible(one.why, { spaces: false })) : null,
    one.about.length ? hint(legible(one.about.join(" · "), { spaces: false })) : null,
  );
}

function drawn(one) {
  if (DRAWN.test(one.picture))
    return el("img", {
      class: "molecule",
      src: one.picture,
      alt: `Molecule ${one.number}: ${one.sequence}`,
      width: 220,
      height: 150,
    });
  return one.values.length ? fit((width) => lines(one, Math.max(160, width))) : null;
}

// The channels of a series as lines on one scale; a missing number is a gap.
function lines(one, width) {
  const tall = 90,
    known = one.values.flat().filter((value) => typeof value === "number"),
    low = Math.min(...known),
    span = Math.max(...known) - low || 1;
  const image = picture(width, tall, `Record ${one.number} as lines`);
  for (const channel of one.values) {
    let path = "",
      pen = "M";
    channel.forEach((value, i) => {
      if (typeof value === "number") {
        const x = 2 + ((width - 4) * i) / Math.max(1, channel.length - 1);
        path += `${pen}${x.toFixed(1)} ${(tall - 4 - ((tall - 8) * (value - low)) / span).toFixed(1)}`;
        pen = "L";
      } else pen = "M";
    });
    image.append(svg("path", { class: "i", d: path, fill: "none" }));
  }
  return image;
}

function shortened(text) {
  return text.length > 240 ? `${text.slice(0, 239)}…` : text;
}

function composition(record, letters) {
  const most = Math.max(...letters.map(([, value]) => value), ...Object.values(record.train_letters));
  const column = (title, entries) =>
    el(
      "div",
      {},
      over(title),
      bars(
        entries.map(([name, value]) => ({ name, value, text: percent(value) })),
        most,
      ),
    );
  const train = Object.entries(record.train_letters);
  return el(
    "div",
    { class: train.length ? "cards side" : "" },
    column("written", letters),
    train.length ? column("train part", train) : null,
  );
}

function whole(record) {
  return table(
    columnsOf("> | `record | valid | >same as | known | ended | >tokens | >log probability, nats | about"),
    record.records.map((one) => [
      one.number,
      el("span", {}, legible(plainLine(one), { spaces: false })),
      one.valid ? "yes" : "no",
      one.same_as ?? "",
      one.known === null ? "" : one.known ? "yes" : "no",
      one.finished ? "yes" : "no",
      one.tokens,
      one.logprob,
      [...one.about, one.why].filter(Boolean).join("; "),
    ]),
  );
}

function plainLine(one) {
  if (one.values.length)
    return one.values.map((channel) => channel.map((value) => value ?? "nan").join(" ")).join("; ");
  return one.sequence || "(no sequence)";
}
