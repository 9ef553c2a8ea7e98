// The whole lesson: a title block as on a drawing, a table of contents, numbered sections, and the lines that repeat each.
import { count, el, legible, seconds } from "./draw.js";

// `drawResults(element, records)` draws a section's results; it is given, as it draws tours too.
export function drawTour(element, record, drawResults) {
  const keys = record.sections.map((section, i) => `${String(section.key ?? "part").replace(/[^A-Za-z0-9_-]+/g, "-") || "part"}` + (record.sections.findIndex((other) => other.key === section.key) === i ? "" : `-${i + 1}`));
  const lesson = el("div", { id: "lesson", tabindex: "-1" });
  element.append(titleBlock(record), contents(record, keys), lesson);
  record.sections.forEach((section, i) => lesson.append(draw(section, i, keys[i], drawResults)));
  follow(element);
}

function titleBlock(record) {
  const machine = record.sections.flatMap((section) => section.results ?? []).find((result) => result?.schema === "cutaway.architecture/1");
  const size = record.parameters ?? machine?.parameters;
  const cells = [
    ["model", record.model], size ? ["parameters", count(size)] : null, ["sections", record.sections.length],
    ["total time", seconds(record.seconds)], ...Object.entries(record.versions ?? {}).map(([name, version]) => [name, version]),
  ].filter(Boolean);
  const title = el("div", { class: "wide" }, el("span", { class: "label" }, "cutaway drawing"), el("h1", {}, "Inside ", legible(record.model, { spaces: false })), el("p", {}, "Prompt: ", el("q", {}, legible(record.prompt, { spaces: false }))));
  return el("header", { class: "block" }, title, cells.map(([label, value]) => el("div", {}, el("span", { class: "label" }, label), el("div", { class: "what" }, legible(String(value ?? "–"), { spaces: false })))));
}

function contents(record, keys) {
  const items = record.sections.map((section, i) => el("li", {}, el("a", { href: `#${keys[i]}` }, `${i + 1} `, section.title)));
  return el("nav", { class: "toc", "aria-label": "Sections" }, el("ol", {}, items));
}

function draw(section, i, key, drawResults) {
  const title = `title-${key}`;
  const results = el("div", { class: "results" });
  const whole = el("section", { class: "lesson", id: key, "aria-labelledby": title },
    el("header", {}, el("span", { class: "no" }, i + 1), el("h2", { id: title }, legible(section.title, { spaces: false })), typeof section.seconds === "number" ? el("span", { class: "took" }, `took ${seconds(section.seconds)}`) : null),
    (section.paragraphs ?? []).map(prose), results, again(section));
  drawResults(results, section.results ?? []);
  return whole;
}

// Prose with `code` between backticks, and nothing else.
function prose(text) {
  return el("p", {}, String(text).split("`").map((piece, i) => (i % 2 ? el("code", {}, piece) : piece)));
}

function again(section) {
  const lines = [["Python", section.python], ["Shell", section.shell]].filter(([, code]) => code);
  if (!lines.length) return null;
  return el("div", { class: "again" }, el("p", { class: "over" }, "Do it yourself"), lines.map(([label, code]) => {
    const block = el("pre", { tabindex: "0", "aria-label": `${label} code` }, code);
    const button = el("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      button.textContent = (await copy(code, block)) ? "Copied" : "Selected: press Ctrl+C";
      setTimeout(() => { button.textContent = "Copy"; }, 2500);
    });
    return el("div", {}, el("div", {}, label, button), block);
  }));
}

// The clipboard where the page may use it, else the old command, else the text is left selected.
async function copy(text, block) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* a page opened as a file may not */ }
  const selection = getSelection();
  selection.removeAllRanges();
  const range = document.createRange();
  range.selectNodeContents(block);
  selection.addRange(range);
  try { return document.execCommand("copy"); } catch { return false; }
}

// Mark the section being read in the table of contents, and jump there also where a page has no address of its own.
function follow(element) {
  const links = new Map([...element.querySelectorAll(".toc a")].map((link) => [link.getAttribute("href").slice(1), link]));
  const mark = (key) => links.forEach((link, other) => { if (other === key) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current"); });
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      mark(entry.target.id);
      const link = links.get(entry.target.id), list = link.closest("ol");
      list.scrollLeft = link.offsetLeft - list.offsetLeft - 40;
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  element.querySelectorAll("section.lesson").forEach((section) => seen.observe(section));
  element.querySelector(".toc").addEventListener("click", (event) => {
    const key = event.target.closest("a")?.getAttribute("href").slice(1);
    if (!key || location.protocol !== "about:") return;
    event.preventDefault();
    document.getElementById(key).scrollIntoView();
  });
}
