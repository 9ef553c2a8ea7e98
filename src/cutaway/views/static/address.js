// The state of a figure in the page's address, as #a0.layer=17&a0.head=3, so that a link or a reload shows the same
// thing. A part without "=" is a section's anchor and is left alone.

import { signalOf } from "./lifetime.js";

const parts = () => location.hash.slice(1).split("&").filter(Boolean);

// The `letter`-th kind of figure, numbered down the page. `changed` is called when another address is typed in.
export function address(element, letter, changed) {
  const figures = element.dataset.schema
    ? [...document.querySelectorAll(`[data-schema="${element.dataset.schema}"]`)]
    : [];
  const prefix = `${letter}${Math.max(0, figures.indexOf(element))}.`;
  const read = () =>
    Object.fromEntries(
      parts()
        .filter((part) => part.startsWith(prefix) && part.includes("="))
        .map((part) => {
          const at = part.indexOf("=");
          return [part.slice(prefix.length, at), part.slice(at + 1)];
        }),
    );
  let timer = 0;
  const put = (values) => {
    const own = Object.entries(values)
      .filter(([, value]) => value !== null && value !== "")
      .map(([key, value]) => `${prefix}${key}=${value}`);
    const hash = [...parts().filter((part) => !part.startsWith(prefix)), ...own].join("&");
    try {
      history.replaceState(history.state, "", hash ? `#${hash}` : location.href.split("#")[0]);
    } catch {
      /* this frame has no address */
    }
  };
  // Browsers count changes of the address; a key held down is one change.
  const write = (values) => {
    if (location.protocol === "about:") return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (element.isConnected) put(values);
    }, 120);
  };
  const heard = () => {
    if (element.isConnected && Object.keys(read()).length) changed(read());
  };
  addEventListener("hashchange", heard, { signal: signalOf(element) });
  return { read, write };
}
