// The page: read the records from their JSON block, draw them, keep the theme, tell a notebook's frame how high to be.

import { el } from "./draw.js";
import { drawRecords, nameOf } from "./records.js";
import { stay } from "./stay.js";

const THEMES = ["auto", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return THEMES.includes(localStorage.getItem("cutaway-theme")) ? localStorage.getItem("cutaway-theme") : "auto";
  } catch {
    return "auto";
  }
}

function themeButton() {
  let theme = stored();
  const button = el("button", { type: "button", class: "theme" });
  const apply = () => {
    document.documentElement.dataset.theme = theme === "auto" ? (system.matches ? "dark" : "light") : theme;
    button.textContent = `Theme: ${theme}`;
    document.dispatchEvent(new Event("cutaway:theme"));
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("cutaway-theme", theme);
    } catch {
      /* storage is closed: the choice is not kept */
    }
    apply();
  });
  system.addEventListener("change", apply);
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    document.dispatchEvent(new Event("cutaway:theme"));
  });
  addEventListener("afterprint", apply);
  apply();
  return button;
}

// In a notebook the page sits in a frame of the same origin, which it makes as high as itself.
function fitFrame() {
  if (window === window.parent) return;
  document.documentElement.classList.add("embedded");
  const grow = () => {
    try {
      window.frameElement.style.height = `${Math.ceil(document.body.getBoundingClientRect().height) + 4}px`;
    } catch {
      /* another origin keeps its height */
    }
  };
  new ResizeObserver(grow).observe(document.body);
}

function start() {
  const records = JSON.parse(document.getElementById("records").textContent);
  const page = document.getElementById("page");
  const tour = records.length > 0 && nameOf(records[0]) === "tour";
  document.body.prepend(
    el("a", { class: "skip", href: tour ? "#lesson" : "#page" }, tour ? "Skip to the lesson" : "Skip to the drawing"),
  );
  page.before(
    el(
      "div",
      { class: "page top-bar" },
      el("div", { class: "bar" }, el("span", { class: "mark" }, "cutaway"), themeButton()),
    ),
  );
  if (!tour) page.append(el("h1", { class: "top" }, document.title));
  fitFrame();
  drawRecords(page, records);
  page.append(
    el(
      "footer",
      { class: "foot" },
      "Drawn by cutaway. This page is one file: it contains all its numbers and needs no network.",
    ),
  );
  const anchor = location.hash.slice(1).split("&")[0]; // what follows is the state of figures
  if (anchor && !anchor.includes("="))
    try {
      const target = document.getElementById(decodeURIComponent(anchor));
      if (target) stay(() => target.scrollIntoView({ behavior: "instant" }));
    } catch {
      /* no text that an anchor could be */
    }
}

start();
