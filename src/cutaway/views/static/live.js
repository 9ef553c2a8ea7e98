// A page of a run that is still going on: its file is written anew every few seconds, and the page loads itself again.
// What the reader has scrolled to, opened, chosen and focused stays.
import { count, el } from "./draw.js";
import { stay } from "./stay.js";

const KEY = "cutaway-live",
  HOLDS = "details, input, select",
  STOPS = "a[href], button, summary, input, select, [tabindex]";

export function liveLine(record) {
  const { written, every } = record.live,
    line = el("p", { class: "readout live", role: "status" });
  const age = () => Date.now() / 1000 - written;
  const tell = () => {
    const quiet = age() > 20 * every,
      at = new Date(written * 1000).toLocaleTimeString();
    line.textContent = quiet
      ? `Nothing new since ${at}: a step takes long, or the run was stopped. This page goes on looking.`
      : `Training goes on: ${count(record.steps)} step${record.steps === 1 ? "" : "s"} at ${at}. ` +
        "This page loads itself again.";
    return quiet;
  };
  let timer;
  const again = () => {
    clearTimeout(timer);
    if (!line.isConnected) return;
    if (document.hidden || window !== window.parent || !getSelection().isCollapsed) return wait();
    keep();
    location.reload();
  };
  const wait = () => {
    timer = setTimeout(again, 1000 * (tell() ? 4 * every : every));
  };
  wait();
  // A page that was out of sight may be old.
  document.addEventListener("visibilitychange", () => {
    if (age() > every) again();
  });
  requestAnimationFrame(() => requestAnimationFrame(restore));
  return line;
}

function called(node) {
  return node.querySelector("summary")?.textContent ?? node.getAttribute("aria-label") ?? node.parentNode.textContent;
}

function keep() {
  const held = {};
  for (const node of document.querySelectorAll(HOLDS)) {
    const last = node.type === "range" && node.value === node.max; // the newest, which will be another one
    if (!last) held[called(node)] = node.matches("details") ? node.open : node.value;
  }
  const focus = [...document.querySelectorAll(STOPS)].indexOf(document.activeElement);
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ x: scrollX, y: scrollY, held, focus, page: location.pathname }));
  } catch {
    /* storage is closed: the page begins at its top again */
  }
}

function restore() {
  let state = null;
  try {
    state = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
  } catch {
    /* as above */
  }
  if (state?.page !== location.pathname) return;
  for (const node of document.querySelectorAll(HOLDS)) {
    const value = state.held[called(node)];
    if (value === undefined) continue;
    if (node.matches("details")) node.open = value;
    else if (node.value !== value) {
      node.value = value;
      node.dispatchEvent(new Event(node.matches("select") ? "change" : "input", { bubbles: true }));
    }
  }
  stay(() => scrollTo({ left: state.x, top: state.y, behavior: "instant" }));
  document.querySelectorAll(STOPS)[state.focus]?.focus({ preventScroll: true });
}
