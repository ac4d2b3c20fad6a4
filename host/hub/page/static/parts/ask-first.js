// A question before what cannot be undone; answers whether it was confirmed.

import { h } from "./dom.js";

export function askFirst(question, explanation, doIt) {
  return new Promise((answer) => {
    const dialog = h("dialog", { "aria-labelledby": "question", onclose: () => { answer(dialog.returnValue === "yes"); dialog.remove(); } },
      h("form", { method: "dialog" },
        h("h2", { id: "question" }, question),
        h("p", {}, explanation),
        h("div", { class: "choices" },
          h("button", { value: "no", autofocus: true }, "Cancel"),
          h("button", { value: "yes", class: "danger" }, doIt))));
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function tellInDialog(title, ...content) {
  const dialog = h("dialog", { "aria-labelledby": "told", onclose: () => dialog.remove() },
    h("form", { method: "dialog" }, h("h2", { id: "told" }, title), ...content, h("div", { class: "choices" }, h("button", { autofocus: true }, "Close"))));
  document.body.append(dialog);
  dialog.showModal();
}
