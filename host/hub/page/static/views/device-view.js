// One device: its telemetry, twin, methods and messages, events, and its board where that is on this computer.

import "../parts/board-bench.js";
import "../parts/desired-editor.js";
import "../parts/event-list.js";
import "../parts/message-form.js";
import "../parts/method-form.js";
import "../parts/telemetry-plot.js";
import "../parts/time-ago.js";
import "../parts/twin-table.js";
import { ask, of } from "../parts/api.js";
import { askFirst, tellInDialog } from "../parts/ask-first.js";
import { configuration, connection } from "../parts/device-card.js";
import { arrange, h, put, say } from "../parts/dom.js";
import { enable } from "../parts/keyboard.js";
import { heard, live } from "../parts/live.js";

const TABS = { telemetry: "Telemetry", twin: "Twin", methods: "Methods and messages", events: "Events", board: "Board" };

customElements.define("device-view", class extends HTMLElement {
  deviceId = "";
  tab = "telemetry";
  #left = new AbortController();
  #device = null;
  #turn = 0;

  connectedCallback() {
    document.title = `${this.deviceId} · Twinkle`;
    this.state = h("span", { class: "badge" });
    this.since = h("time-ago", { class: "soft" });
    this.configuration = h("span", { class: "badge" });
    this.about = h("p", { class: "soft about" }, "\u00a0");
    this.refusal = h("p", { class: "refusal", role: "alert", hidden: true });
    this.disconnect = h("button", { type: "button", "aria-disabled": "true", onclick: () => this.#disconnect() }, "Disconnect");
    this.disable = h("button", { type: "button", "aria-disabled": "true", onclick: () => this.#switch() }, "Disable");
    this.tabs = h("nav", { class: "tabs", "aria-label": "Parts of the device" });
    this.place = h("div", { class: "tab" });
    this.append(
      h("p", { class: "back" }, h("a", { href: "#/" }, "All devices")),
      h("div", { class: "headline" }, h("h1", {}, this.deviceId), this.state, this.since, this.configuration,
        h("div", { class: "actions" },
          this.disconnect, h("button", { type: "button", onclick: () => this.#connect() }, "Connection string"),
          this.disable, h("button", { type: "button", class: "danger", onclick: () => this.#delete() }, "Delete"))),
      this.about, this.refusal, this.tabs, this.place);
    const { signal } = this.#left;
    const mine = (cards) => cards.find((card) => card.id === this.deviceId);
    heard(signal, "cards", (cards) => mine(cards) && (mine(cards).gone ? this.#gone() : this.#load()));
    heard(signal, "points", (points) => this.#part("telemetry-plot")?.add(points.filter(([id]) => id === this.deviceId).map(([, time, values]) => [time, values])));
    heard(signal, "events", (events) => this.#part("event-list")?.add(events));
    heard(signal, "again", () => this.#again());
    this.addEventListener("written", () => this.#load(), { signal }); // what was asked before may be older than that
    if (live.look([], this.deviceId)) this.#load();
  }

  disconnectedCallback() {
    this.#left.abort();
  }

  // Another tab of the same device.
  go(other) {
    if (other.deviceId !== this.deviceId || !this.#device) return false;
    this.tab = other.tab;
    this.#show();
    return true;
  }

  #part(name) {
    return this.place.querySelector(name);
  }

  #again() {
    this.#part("telemetry-plot")?.load();
    this.#part("event-list")?.load();
    this.#load();
  }

  async #load() {
    const turn = ++this.#turn;
    const { device, refusal } = await ask("GET", of(this.deviceId)).then((device) => ({ device }), (refusal) => ({ refusal }));
    if (turn !== this.#turn || !this.isConnected) return; // a later question has a newer answer
    if (refusal) return refusal.status === 404 ? this.#gone(refusal.message) : this.#refuse(refusal.status ? refusal.message : "");
    this.#device = device;
    this.#show();
  }

  #show() {
    const device = this.#device;
    const [kind, words] = connection(device);
    this.state.dataset.kind = kind;
    put(this.state, words);
    this.since.moment = device.since;
    const [state, text] = configuration(device.configuration);
    this.configuration.dataset.kind = state;
    put(this.configuration, text);
    this.configuration.title = text;
    put(this.about, [device.name ?? device.modelId, device.version && `version ${device.version}`, device.lastError && `last error: ${device.lastError}`, ["rejected", "failed"].includes(device.configuration?.state) && device.configuration.reason].filter(Boolean).join(" · ") || "\u00a0");
    enable(this.disconnect, device.connected);
    enable(this.disable, true);
    put(this.disable, device.enabled ? "Disable" : "Enable");
    this.#refuse("");
    // A board that is looked at may go and come back: each version of an application that is being written is another.
    const board = device.board || this.place.dataset.tab === "board";
    // Until it comes for the first time, its place is the telemetry's.
    const tab = !TABS[this.tab] || (this.tab === "board" && !board) ? "telemetry" : this.tab;
    this.#tabs(board, tab);
    if (this.place.dataset.tab !== tab) {
      this.place.dataset.tab = tab;
      this.place.replaceChildren(...this.#content(tab));
    }
    this.#part("twin-table")?.show(device.twin);
    this.#part("desired-editor")?.show(device.twin);
    this.#part("message-form")?.show(device.waiting);
    const method = this.#part("method-form");
    if (method && this.shownModel !== device.modelId) method.show(device.model);
    this.shownModel = device.modelId;
  }

  #tabs(board, tab) {
    this.links ??= Object.entries(TABS).map(([tab, text]) => h("a", { href: `#/device/${encodeURIComponent(this.deviceId)}/${tab}` }, text));
    arrange(this.tabs, this.links.filter((link) => board || !link.hash.endsWith("/board")));
    for (const link of this.tabs.children) {
      const here = link.hash.endsWith(`/${tab}`);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  #content(tab) {
    const { deviceId } = this;
    const panel = (title, ...content) => h("section", { class: "panel" }, h("h2", {}, title), ...content);
    if (tab === "twin") return [h("div", { class: "wide" }, panel("Desired and reported", h("twin-table")), panel("Change the desired properties", h("desired-editor", { deviceId })))];
    if (tab === "methods") {
      this.shownModel = undefined;
      return [h("div", { class: "two" }, panel("Call a method", h("method-form", { deviceId })), panel("Send a message", h("message-form", { deviceId })))];
    }
    if (tab === "events") return [panel("Events", h("event-list", { deviceId }))];
    if (tab === "board") return [h("div", { class: "wide" }, h("board-bench", { deviceId }), panel("Its twin", h("twin-table")))];
    return [panel("Telemetry", h("telemetry-plot", { deviceId, units: this.#device.units ?? {} }))];
  }

  #refuse(text) {
    put(this.refusal, text);
    this.refusal.hidden = !text;
  }

  #gone(text = `${this.deviceId} was deleted.`) {
    this.#left.abort();
    this.#turn += 1; // an answer that is still to come is of before
    this.tabs.replaceChildren();
    this.place.replaceChildren();
    this.querySelector(".actions").hidden = true;
    put(this.state, "Not registered");
    this.#refuse(text);
  }

  async #try(act) {
    try {
      await act();
    } catch (refusal) {
      this.#refuse(refusal.message);
    }
  }

  #disconnect() {
    return this.#try(async () => {
      await ask("POST", of(this.deviceId, "/disconnect"));
      say("The connection was ended; the device may come back by itself");
    });
  }

  async #switch() {
    const { enabled } = this.#device;
    if (enabled && !(await askFirst(`Disable ${this.deviceId}?`, "Its connection ends, and it cannot connect until it is enabled again.", "Disable"))) return;
    await this.#try(async () => {
      await ask("PUT", of(this.deviceId, "/status"), { status: enabled ? "disabled" : "enabled" });
      await this.#load();
    });
  }

  async #delete() {
    if (!(await askFirst(`Delete ${this.deviceId}?`, "Its identity, its twin and the messages that wait for it are gone then.", "Delete"))) return;
    await this.#try(async () => {
      await ask("DELETE", of(this.deviceId));
      say(`${this.deviceId} is deleted`);
      location.hash = "#/";
    });
  }

  #connect() {
    return this.#try(async () => {
      const { connectionString } = await ask("POST", of(this.deviceId, "/connection-string"));
      const text = h("input", { readOnly: true, value: connectionString, id: "string", onfocus: () => text.select() });
      tellInDialog(`How ${this.deviceId} connects`,
        h("p", {}, "With this connection string, which holds its key:"), h("label", { for: "string" }, "Connection string", text),
        h("p", {}, "Or on this computer: ", h("code", {}, `twinkle run ${this.deviceId}`)));
    });
  }
});
