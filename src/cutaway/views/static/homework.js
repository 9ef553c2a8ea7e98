// Homework: the tasks, a check, the page that a learner hands in, and the table of a class.
import { columnsOf, count, el, exact, facts, heading, legible, over, table, twin } from "./draw.js";

const TASKS = columnsOf("`task | ~what it is | >notebook | >minutes | ~models");
const REQUIREMENTS = columnsOf("met | requirement | ~what was found, or what to do");
const PAGES = columnsOf("page | name | task | passed | ~what to look at");

export function drawHomework(element, record) {
  element.append(
    heading("Homework"),
    table(
      TASKS,
      record.tasks.map((task) => [task.name, task.title, task.notebook, task.minutes, task.models.join(", ")]),
    ),
  );
}

export function drawChecked(element, record) {
  element.append(heading(record.title, record.name), verdict(record), requirements(record));
  for (const remark of record.remarks) element.append(el("p", {}, said(remark)));
}

export function drawSubmission(element, record) {
  element.append(
    heading(record.title, record.name),
    facts([
      ["task", said(record.task)],
      ["variant", el("code", {}, said(record.variant))],
      ["key of the course", el("code", {}, said(record.course))],
      ["cutaway", said(record.versions.cutaway)],
    ]),
    verdict(record),
    requirements(record),
    over("Explanation"),
    ...paragraphs(record.prose),
    over("Answers"),
    table(columnsOf("question | ~answer"), [
      ...Object.entries(record.choices).map(([key, choice]) => [key, said(choice || "–")]),
      ...Object.entries(record.numbers).map(([key, number]) => [key, exact(number)]),
    ]),
    over("What this page proves"),
    el(
      "ul",
      {},
      record.proof.map((sentence) => el("li", {}, said(sentence))),
    ),
    twin("What was given", () => el("pre", {}, shown(record.given))),
    ...Object.entries(record.records).map(([name, results]) =>
      twin(`${name}: ${count(results.length)} ${results.length === 1 ? "record" : "records"}`, () =>
        el("pre", {}, results.map((result) => JSON.stringify(result)).join("\n")),
      ),
    ),
    twin(
      "Versions, checksums of the models, and the hash",
      table(columnsOf("what | `value"), [
        ...Object.entries(record.versions),
        ...Object.entries(record.models).map(([name, digest]) => [`SHA-256 of ${name}`, digest]),
        ["SHA-256 of all on this page", record.hash],
      ]),
    ),
  );
}

export function drawCollection(element, record) {
  element.append(
    heading("Homework of a class"),
    facts([
      ["pages", count(record.pages.length)],
      ["passed", count(record.passed)],
    ]),
    el("p", {}, "The results were computed again on this machine. Read the explanations below: a program can't."),
    table(
      PAGES,
      record.pages.map((page) => [page.file, page.name, page.task, page.passed ? "yes" : "no", notes(page)]),
    ),
    over("Explanations"),
    ...record.pages
      .filter((page) => page.prose)
      .map((page) => twin(`${page.name}, ${page.task} (${page.file})`, el("div", {}, ...paragraphs(page.prose)))),
    over("What these pages prove"),
    el(
      "ul",
      {},
      record.proof.map((sentence) => el("li", {}, said(sentence))),
    ),
  );
}

function verdict(record) {
  const missing = record.requirements.filter((one) => !one.passed).length;
  const all = record.requirements.length;
  const text = record.passed
    ? "All that a program can check is right. A teacher reads the explanation."
    : `${count(missing)} of ${count(all)} requirements not met yet.`;
  return el("p", {}, el("b", {}, text));
}

function requirements(record) {
  return table(
    REQUIREMENTS,
    record.requirements.map((one) => [one.passed ? "✓ passed" : "✗ not yet", said(one.name), said(one.said)]),
  );
}

function notes(page) {
  const all = [...page.missing, ...page.alike.map((other) => `same words as ${other}`), ...page.remarks];
  return all.length
    ? el(
        "ul",
        {},
        all.map((note) => el("li", {}, said(note))),
      )
    : "–";
}

// What a learner wrote, as text nodes; an empty line begins a new paragraph.
function paragraphs(text) {
  const parts = text.split(/\n\s*\n/).filter((part) => part.trim());
  return parts.length ? parts.map((part) => el("p", {}, said(part))) : [el("p", {}, "There is none.")];
}

function said(text) {
  return el("span", {}, legible(String(text).replace(/\s+/g, " "), { spaces: false }));
}

function shown(value) {
  return JSON.stringify(value, null, 2);
}
