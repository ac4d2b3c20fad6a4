// The page: which view the address names, and what is shown on all of them.

import "./parts/hub-state.js";
import "./views/overview-view.js";
import "./views/device-view.js";
import "./views/trouble-view.js";
import { h } from "./parts/dom.js";

const routes = [
  [/^#\/device\/([^/]+)(?:\/(\w+))?$/, ([, id, tab]) => h("device-view", { deviceId: decodeURIComponent(id), tab: tab ?? "telemetry" })],
  [/^#\/trouble$/, () => h("trouble-view")],
  [/^/, () => h("overview-view")],
];

const main = document.getElementById("main");

function show() {
  const hash = location.hash || "#/";
  if (hash === "#main") return; // the skip link
  const [pattern, make] = routes.find(([pattern]) => pattern.test(hash));
  const shown = main.firstElementChild;
  const view = make(hash.match(pattern));
  if (shown?.localName === view.localName && shown.go?.(view)) return mark(hash);
  main.replaceChildren(view);
  mark(hash);
  scrollTo(0, 0);
}

function mark(hash) {
  for (const link of document.querySelectorAll("header nav a")) {
    const here = link.hash === "#/" ? !hash.startsWith("#/trouble") : hash.startsWith(link.hash);
    link.toggleAttribute("aria-current", here);
    if (here) link.setAttribute("aria-current", "page");
  }
}

addEventListener("hashchange", () => {
  show();
  if (location.hash !== "#main") main.focus({ preventScroll: true });
});
show();
