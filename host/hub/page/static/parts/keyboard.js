// Who uses the keyboard keeps the place. A control that cannot be used now stays reachable: what a browser calls
// `disabled` loses the focus. Where what has the focus is taken away or hidden, the nearest that is left gets it.

const REACHABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

export function enable(control, able) {
  control.setAttribute("aria-disabled", String(!able));
}

addEventListener("click", (event) => {
  if (!event.target.closest('[aria-disabled="true"]')) return;
  event.preventDefault(); // of a switch, and of a form whose button it is
  event.stopImmediatePropagation();
}, true);

let had = null; // what has the focus, or had it until it was taken away

const there = (element) => element.isConnected && !element.closest("[hidden]");
const nobody = () => document.activeElement === document.body;

addEventListener("focusin", ({ target }) => { had = target; });

// Somebody has let go of it: what becomes of it from then on is no loss. What was taken away has gone by the microtask.
addEventListener("focusout", ({ target }) => queueMicrotask(() => { if (there(target) && nobody() && document.hasFocus()) had = null; }));

new MutationObserver(keep).observe(document.body, { childList: true, subtree: true, attributeFilter: ["hidden"] });

function keep(changes) {
  if (!had || !(nobody() || (document.activeElement === had && !there(had)))) return;
  const next = there(had) ? had : nearest(changes);
  next.focus({ preventScroll: next.id === "main" });
}

// What comes next in the order of Tab where it was, else what came before; at last the view as a whole.
function nearest(changes) {
  const taken = changes.findLast(({ removedNodes }) => [...removedNodes].some((node) => node.contains(had)));
  const hidden = had.closest("[hidden]") ?? had;
  let [parent, next, previous] = taken ? [taken.target, taken.nextSibling, taken.previousSibling] : around(hidden);
  while (parent && parent.id !== "main") {
    const found = there(parent) && (first(next, "nextSibling") ?? first(previous, "previousSibling") ?? first(parent.firstChild, "nextSibling"));
    if (found) return found;
    [parent, next, previous] = around(parent);
  }
  return document.getElementById("main");
}

const around = (element) => [element.parentElement, element.nextSibling, element.previousSibling];

function first(element, following) {
  for (let at = element; at; at = at[following]) {
    const found = at.nodeType === Node.ELEMENT_NODE && [at, ...at.querySelectorAll(REACHABLE)].find((one) => one.matches(REACHABLE) && there(one));
    if (found) return found;
  }
  return null;
}
