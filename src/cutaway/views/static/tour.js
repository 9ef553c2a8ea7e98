// The whole lesson: a title block as on a drawing, a table of contents, numbered sections, and the lines that repeat
// each.
import { count, el, legible, seconds } from "./draw.js";
import { edges } from "./edges.js";
import { onResize, signalOf } from "./lifetime.js";
import { prose } from "./prose.js";

// `drawResults(element, records)` draws a section's results; a parameter, since it draws tours, too.
export function drawTour(element, record, drawResults) {
  const keys = record.sections.map(
    (section, i) =>
      `${String(section.key ?? "part").replace(/[^A-Za-z0-9_-]+/g, "-") || "part"}` +
      (record.sections.findIndex((other) => other.key === section.key) === i ? "" : `-${i + 1}`),
  );
  const lesson = el("div", { id: "lesson", tabindex: "-1" });
  lesson.append(
    el(
      "p",
      { class: "how" },
      "Every section ends with the lines that repeat it. The shell lines need the command ",
      el("code", {}, "cutaway"),
      ". If your shell does not find it, activate the environment that it is installed in; in the folder where ",
      el("code", {}, "make tour"),
      " ran: ",
      el("code", {}, ". .venv/bin/activate"),
    ),
  );
  element.append(titleBlock(record), contents(record, keys), lesson);
  record.sections.forEach((section, i) => {
    const results = el("div", { class: "results" });
    lesson.append(draw(section, i, keys[i], results));
    drawResults(results, section.results ?? []);
  });
  follow(element);
  addEventListener("resize", () => element.querySelectorAll(".prose").forEach(stick), { signal: signalOf(element) });
}

function titleBlock(record) {
  const machine = record.sections
    .flatMap((section) => section.results ?? [])
    .find((result) => result?.schema === "cutaway.architecture/1");
  const size = record.parameters ?? machine?.parameters;
  const cells = [
    ["model", record.model],
    size ? ["parameters", count(size)] : null,
    ["sections", record.sections.length],
    ["total time", seconds(record.seconds)],
    ...Object.entries(record.versions ?? {}).map(([name, version]) => [name, version]),
  ].filter(Boolean);
  const title = el(
    "div",
    { class: "wide" },
    el("span", { class: "label" }, "cutaway drawing"),
    el("h1", {}, "Inside ", legible(record.model, { spaces: false })),
    el("p", {}, "Prompt: ", el("q", {}, legible(record.prompt, { spaces: false }))),
  );
  return el(
    "header",
    { class: "block" },
    title,
    cells.map(([label, value]) =>
      el(
        "div",
        {},
        el("span", { class: "label" }, label),
        el("div", { class: "what" }, legible(String(value ?? "–"), { spaces: false })),
      ),
    ),
  );
}

// The part of a title before its colon is enough to find a section by.
function contents(record, keys) {
  const items = record.sections.map((section, i) =>
    el("li", {}, el("a", { href: `#${keys[i]}` }, `${i + 1} `, String(section.title).split(": ")[0])),
  );
  const list = el("ol", {}, items),
    step = (way, text, name) =>
      el(
        "button",
        {
          type: "button",
          hidden: true,
          "aria-label": name,
          on: { click: () => list.scrollBy({ left: way * list.clientWidth * 0.7, behavior: "smooth" }) },
        },
        text,
      );
  const [before, after] = [step(-1, "‹", "Earlier sections"), step(1, "›", "Later sections")];
  edges(list, (more) => {
    before.hidden = !more.includes("left");
    after.hidden = !more.includes("right");
  });
  return el("nav", { class: "toc", "aria-label": "Sections" }, before, list, after);
}

function draw(section, i, key, results) {
  const title = `title-${key}`;
  return el(
    "section",
    { class: "lesson", id: key, "aria-labelledby": title },
    el(
      "header",
      {},
      el("span", { class: "no" }, i + 1),
      el("h2", { id: title }, legible(section.title, { spaces: false })),
      typeof section.seconds === "number" ? el("span", { class: "took" }, `took ${seconds(section.seconds)}`) : null,
    ),
    beside((section.paragraphs ?? []).map((text) => el("p", {}, prose(text)))),
    results,
    again(section),
  );
}

// The text stays in sight beside its figures; if it is taller than the window, its end stays in sight.
function beside(paragraphs) {
  const words = el("div", { class: "prose" }, paragraphs);
  onResize(words, () => stick(words));
  return words;
}

function stick(words) {
  words.style.setProperty("--stick", `${Math.min(64, innerHeight - words.offsetHeight - 16)}px`);
}

function again(section) {
  const lines = [
    ["Python", section.python],
    ["Shell", section.shell],
  ].filter(([, code]) => code);
  if (!lines.length) return null;
  return el(
    "div",
    { class: "again" },
    el("p", { class: "over" }, "Do it yourself"),
    lines.map(([label, code]) => {
      const block = el("pre", { tabindex: "0", "aria-label": `${label} code` }, code);
      const button = el("button", { type: "button" }, "Copy");
      button.addEventListener("click", async () => {
        button.textContent = (await copy(code, block)) ? "Copied" : "Selected: press Ctrl+C";
        setTimeout(() => {
          button.textContent = "Copy";
        }, 2500);
      });
      return el("div", {}, el("div", {}, label, button), block);
    }),
  );
}

// Copy to the clipboard; if the page may not, use the old command; if that fails, leave the text selected.
async function copy(text, block) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    /* a page opened as a file may not */
  }
  const selection = getSelection();
  selection.removeAllRanges();
  const range = document.createRange();
  range.selectNodeContents(block);
  selection.addRange(range);
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  }
}

// Mark the section being read in the table of contents, and jump there if the page has no address.
function follow(element) {
  const links = new Map(
    [...element.querySelectorAll(".toc a")].map((link) => [link.getAttribute("href").slice(1), link]),
  );
  const mark = (key) =>
    links.forEach((link, other) => {
      if (other === key) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries)
        if (entry.isIntersecting) {
          mark(entry.target.id);
          const link = links.get(entry.target.id),
            list = link.closest("ol");
          list.scrollLeft = link.offsetLeft - list.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
        }
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  element.querySelectorAll("section.lesson").forEach((section) => seen.observe(section));
  signalOf(element)?.addEventListener("abort", () => seen.disconnect());
  element.querySelector(".toc").addEventListener("click", (event) => {
    const key = event.target.closest("a")?.getAttribute("href").slice(1);
    if (!key || location.protocol !== "about:") return;
    event.preventDefault();
    document.getElementById(key).scrollIntoView();
  });
}
