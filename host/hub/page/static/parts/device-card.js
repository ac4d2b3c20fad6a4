// A device at a glance: connection, configuration, last error, application and version, and its small curves.

import { joined, names, series } from "../model/series.js";
import "./small-curve.js";
import "./time-ago.js";
import { ask, of } from "./api.js";
import { h, put } from "./dom.js";

const CURVES = 3;
const MOST = 60;

export function connection(card) {
  if (!card.enabled) return ["disabled", "Disabled"];
  if (card.connected) return ["connected", "Connected"];
  return card.since ? ["gone", "Disconnected"] : ["gone", "Never connected"];
}

export function configuration(told) {
  if (!told) return ["none", "No configuration"];
  const which = told.wanted ?? told.current;
  const behind = told.state === "applied" && told.wanted !== null && told.wanted !== told.current;
  const state = behind ? "pending" : told.state;
  const word = { applied: "applied", pending: "pending", rejected: "rejected", failed: "failed", wanted: "not answered yet" }[state] ?? state;
  return [state, `Configuration ${which === null ? "" : `${which} `}${word}`];
}

customElements.define("device-card", class extends HTMLElement {
  card = null;
  #points = [];
  #parts = {};
  #drawn = 0;

  connectedCallback() {
    if (this.firstChild) return;
    const p = this.#parts;
    p.link = h("a", { class: "title" });
    p.state = h("span", { class: "badge" });
    p.since = h("time-ago");
    p.board = h("span", { class: "badge board", hidden: true }, "Board here");
    p.configuration = h("span", { class: "badge" });
    p.reason = h("p", { class: "reason" });
    p.model = h("p", { class: "model" });
    p.curves = h("div", { class: "curves" }, h("p", { class: "soft none-yet" }, "No telemetry yet"));
    this.append(
      h("article", {},
        h("h2", {}, p.link),
        h("p", { class: "line" }, p.state, p.since, p.board),
        h("p", { class: "line" }, p.configuration),
        p.reason, p.curves, p.model),
    );
    if (this.card) this.show(this.card);
  }

  show(card) {
    this.card = { ...this.card, ...card };
    const p = this.#parts;
    if (!p.link) return;
    card = this.card;
    put(p.link, card.id);
    p.link.href = `#/device/${encodeURIComponent(card.id)}`;
    const [state, words] = connection(card);
    p.state.dataset.kind = state;
    put(p.state, words);
    p.since.moment = card.since;
    p.board.hidden = !card.board;
    const [kind, text] = configuration(card.configuration);
    p.configuration.dataset.kind = kind;
    put(p.configuration, text);
    p.configuration.title = text;
    const reason = ["rejected", "failed"].includes(card.configuration?.state) ? card.configuration.reason : null;
    put(p.reason, reason ?? (card.lastError ? `Last error: ${card.lastError}` : ""));
    p.reason.title = p.reason.textContent;
    put(p.model, [card.name ?? card.model, card.version].filter(Boolean).join(" · ") || " ");
  }

  // What the log has; asked for once the card is seen.
  async load() {
    const points = await ask("GET", of(this.card.id, "/curve")).catch(() => []);
    this.#points = joined(points, this.#points, MOST);
    this.#draw();
  }

  add(points) {
    this.#points = joined(this.#points, points, MOST);
    if (!this.#drawn) this.#drawn = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawn = 0;
    const shown = names(this.#points).slice(0, CURVES);
    const curves = this.#parts.curves;
    if (shown.length) curves.querySelector(".none-yet")?.remove();
    else return;
    while (curves.children.length < shown.length) curves.append(h("small-curve"));
    while (curves.children.length > shown.length) curves.lastChild.remove();
    shown.forEach((name, at) => curves.children[at].show(name, series(this.#points, name), this.card.units?.[name]));
  }
});
