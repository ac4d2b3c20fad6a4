// Desired and reported properties side by side, differences marked, the hub's own members folded away.

import { pretty, short } from "../model/json.js";
import { own, rows } from "../model/twin.js";
import { h, put } from "./dom.js";

const WORDS = { same: "same", differs: "differs", asked: "not reported", own: "" };

customElements.define("twin-table", class extends HTMLElement {
  #body = h("tbody");
  #heads = {};
  #metadata = h("pre", { tabIndex: 0, "aria-label": "Metadata" });

  connectedCallback() {
    if (this.firstChild) return;
    this.#heads = { desired: h("th", { scope: "col" }, "Desired"), reported: h("th", { scope: "col" }, "Reported") };
    this.append(
      h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Properties" },
        h("table", { class: "twin" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Property"), this.#heads.desired, this.#heads.reported, h("th", { scope: "col" }, h("span", { class: "unseen" }, "Difference")))), this.#body)),
      h("details", {}, h("summary", {}, "$metadata"), this.#metadata));
    if (this.twin) this.show(this.twin);
  }

  show(twin) {
    const known = this.twin;
    this.twin = twin;
    if (!this.firstChild || (this.#body.firstChild && known.version === twin.version && known.etag === twin.etag)) return;
    const { desired, reported } = twin.properties;
    put(this.#heads.desired, `Desired, version ${desired.$version}`);
    put(this.#heads.reported, `Reported, version ${reported.$version}`);
    this.#body.replaceChildren(...rows(own(desired), own(reported)).map((row) => this.#row(row)));
    put(this.#metadata, pretty({ desired: desired.$metadata, reported: reported.$metadata, tags: twin.tags }));
  }

  #row({ path, desired, reported, answer, state }) {
    const bad = answer && answer.ac >= 400;
    const word = bad ? `refused ${answer.ac}` : WORDS[state];
    const kind = bad || state === "differs" ? "rejected" : state === "asked" ? "pending" : state === "same" ? "applied" : "none";
    return h("tr", { "data-state": state },
      h("th", { scope: "row" }, path.join(".")),
      h("td", {}, short(desired)),
      h("td", {}, short(reported), answer?.ad ? h("span", { class: "soft" }, ` ${answer.ad}`) : null),
      h("td", {}, word ? h("span", { class: "badge", "data-kind": kind }, word) : null));
  }
});
