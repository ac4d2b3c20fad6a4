// All devices, a page of cards at a time.

import "../parts/device-card.js";
import { counted } from "../model/words.js";
import { ask } from "../parts/api.js";
import { arrange, h, put, say } from "../parts/dom.js";
import { enable } from "../parts/keyboard.js";
import { heard, live } from "../parts/live.js";

const STATES = { all: "All", connected: "Connected", disconnected: "Not connected", troubled: "In trouble", disabled: "Disabled" };
const TYPED_MS = 200;

customElements.define("overview-view", class extends HTMLElement {
  #left = new AbortController();
  #page = 0; // the one that was asked for last
  #cards = new Map();
  #seen = new IntersectionObserver((entries) => this.#see(entries));
  #turn = 0;
  #news = new Map(); // cards that have come since the hub was asked: its answer may be older
  #counted = false; // and so may its counts

  connectedCallback() {
    document.title = "Devices · Twinkle";
    this.search = h("input", { type: "search", id: "search", placeholder: "Part of an id", autocomplete: "off", oninput: () => this.#soon(0) });
    this.state = h("select", { id: "state", onchange: () => this.#go(0) }, Object.entries(STATES).map(([value, text]) => h("option", { value }, text)));
    this.counts = h("p", { class: "counts" }, " ");
    this.list = h("ul", { class: "cards", "aria-label": "Devices" });
    this.before = h("button", { type: "button", onclick: () => this.#go(this.#page - 1) }, "Previous");
    this.after = h("button", { type: "button", onclick: () => this.#go(this.#page + 1) }, "Next");
    this.place = h("span", { class: "place" });
    this.pager = h("nav", { class: "pager", "aria-label": "Pages of devices", hidden: true }, this.before, this.place, this.after);
    this.none = h("p", { class: "none", hidden: true });
    this.append(
      h("div", { class: "headline" }, h("h1", {}, "Devices"), this.counts),
      h("div", { class: "tools" },
        h("label", { for: "search" }, "Find", this.search),
        h("label", { for: "state" }, "Show", this.state),
        h("form", { class: "add", onsubmit: (event) => this.#add(event) },
          h("label", { for: "new-id" }, "New device", h("input", { id: "new-id", name: "id", required: true, maxLength: 128, placeholder: "Its id", autocomplete: "off" })),
          h("button", {}, "Add"))),
      h("p", { class: "refusal", role: "alert", hidden: true }),
      this.list, this.none, this.pager);
    const { signal } = this.#left;
    heard(signal, "points", (points) => this.#addPoints(points));
    heard(signal, "cards", (cards) => cards.forEach((card) => this.#changed(card)));
    heard(signal, "counts", (counts) => { this.#counted = true; this.#count(counts); });
    heard(signal, "again", () => this.#go(this.#page));
    this.#go(0);
  }

  disconnectedCallback() {
    this.#left.abort();
    this.#seen.disconnect();
    clearTimeout(this.timer);
    this.#turn += 1; // whoever is asked still answers nobody: what is looked at is the next view's affair
  }

  #soon(page = this.#page) {
    clearTimeout(this.timer);
    this.#page = page;
    this.timer = setTimeout(() => this.#go(page), TYPED_MS);
  }

  async #go(page) {
    clearTimeout(this.timer);
    this.#page = page;
    const turn = ++this.#turn;
    this.#news = new Map();
    this.#counted = false;
    const query = new URLSearchParams({ page, search: this.search.value, state: this.state.value });
    let told;
    try {
      told = await ask("GET", `/devices?${query}`);
    } catch (refusal) {
      if (turn !== this.#turn) return;
      live.look([...this.#cards.keys()]); // which says when there is somebody to ask again
      return this.#refuse(refusal.status === 0 ? "" : refusal.message);
    }
    if (turn !== this.#turn) return;
    this.#refuse("");
    this.#page = told.page;
    if (!this.#counted) this.#count(told.counts);
    const kept = this.#cards;
    this.#cards = new Map(told.devices.map((card) => [card.id, kept.get(card.id) ?? h("device-card")]));
    arrange(this.list, [...this.#cards.values()].map((element) => element.closest("li") ?? h("li", {}, element)));
    for (const card of told.devices) {
      const element = this.#cards.get(card.id);
      element.show({ ...card, ...this.#news.get(card.id) });
      this.#seen.unobserve(element);
    }
    put(this.place, `Page ${told.page + 1} of ${told.pages}`);
    this.pager.hidden = told.pages < 2;
    enable(this.before, told.page > 0);
    enable(this.after, told.page + 1 < told.pages);
    this.none.hidden = told.found > 0;
    put(this.none, told.counts.totalDeviceCount ? "No device is like that." : "No devices yet. Add one here, or run one: twinkle run desk");
    if (live.look([...this.#cards.keys()])) this.#cards.forEach((element) => this.#seen.observe(element));
  }

  #changed(card) {
    if (card.gone) return this.#go(this.#page);
    this.#news.set(card.id, card);
    this.#cards.get(card.id)?.show(card);
  }

  // Cards that have come into sight want their curves.
  #see(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      this.#seen.unobserve(target);
      target.load();
    }
  }

  #addPoints(points) {
    const by = Map.groupBy(points, ([id]) => id);
    for (const [id, own] of by) this.#cards.get(id)?.add(own.map(([, time, values]) => [time, values]));
  }

  #count(counts) {
    if (this.counted !== undefined && this.counted !== counts.totalDeviceCount) this.#soon();
    this.counted = counts.totalDeviceCount;
    put(this.counts, `${counted(counts.totalDeviceCount, "device")}, ${counts.connectedDeviceCount} connected${counts.disabledDeviceCount ? `, ${counts.disabledDeviceCount} disabled` : ""}`);
  }

  #refuse(text) {
    const place = this.querySelector(".refusal");
    place.hidden = !text;
    put(place, text);
  }

  async #add(event) {
    event.preventDefault();
    const form = event.target;
    try {
      const card = await ask("POST", "/devices", { deviceId: form.elements.id.value });
      form.reset();
      say(`${card.id} is registered`);
      location.hash = `#/device/${encodeURIComponent(card.id)}`;
    } catch (refusal) {
      this.#refuse(refusal.message);
    }
  }
});
