// What happened to a device, the newest first: from the log, and as it happens.

import { merged } from "../model/events.js";
import { pretty, short } from "../model/json.js";
import { own } from "../model/twin.js";
import { ask, of } from "./api.js";
import { arrange, h, put } from "./dom.js";

const MOST = 300;
const SOURCES = {
  Telemetry: "Telemetry", twinChangeEvents: "Twin", digitalTwinChangeEvents: "Digital twin", deviceConnectionStateEvents: "Connection",
  deviceLifecycleEvents: "Lifecycle", hubDiagnostics: "Diagnostics",
};

customElements.define("event-list", class extends HTMLElement {
  deviceId = "";
  #events = [];
  #paused = false;
  #drawn = 0;

  connectedCallback() {
    this.find = h("input", { type: "search", id: "find-event", placeholder: "Any text", oninput: () => this.#draw() });
    this.sources = Object.entries(SOURCES).map(([source, text]) => {
      const box = h("input", { type: "checkbox", checked: source !== "digitalTwinChangeEvents", value: source, onchange: () => this.#draw() });
      return { box, element: h("label", { class: "check" }, box, text) };
    });
    this.pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.#toggle() }, "Pause");
    this.list = h("ol", { class: "events", "aria-label": "Events" });
    this.append(
      h("div", { class: "tools" }, h("label", { for: "find-event" }, "Find", this.find), h("div", { class: "checks", role: "group", "aria-label": "Kinds of events" }, this.sources.map((one) => one.element)), this.pause),
      this.list);
    this.load();
  }

  async load() {
    const kept = await ask("GET", of(this.deviceId, "/events")).catch(() => []);
    this.#events = merged(kept, this.#events).slice(-MOST);
    this.#draw();
  }

  add(events) {
    this.#events = [...this.#events, ...events].slice(-MOST);
    if (!this.#paused && !this.#drawn) this.#drawn = requestAnimationFrame(() => this.#draw());
  }

  #toggle() {
    this.#paused = !this.#paused;
    this.pause.setAttribute("aria-pressed", String(this.#paused));
    put(this.pause, this.#paused ? "Go on" : "Pause");
    if (!this.#paused) this.#draw();
  }

  #draw() {
    this.#drawn = 0;
    const wanted = new Set(this.sources.filter(({ box }) => box.checked).map(({ box }) => box.value));
    const text = this.find.value.toLowerCase();
    const shown = this.#events.filter((event) => wanted.has(event.source) && (!text || JSON.stringify(event).toLowerCase().includes(text))).reverse();
    const there = new Map([...this.list.children].map((item) => [item.event, item]));
    arrange(this.list, shown.length ? shown.map((event) => there.get(event) ?? this.#item(event)) : [h("li", { class: "none" }, "Nothing yet.")]);
  }

  #item(event) {
    const { source, module, body, properties } = event;
    const item = h("li", {}, h("details", {},
      h("summary", {},
        h("time", { title: new Date(event.time).toLocaleString() }, new Date(event.time).toLocaleTimeString()),
        h("span", { class: "badge", "data-kind": source === "hubDiagnostics" ? "bad" : "none" }, SOURCES[source] ?? source),
        h("span", { class: "brief" }, module ? `${module}: ` : "", brief(event))),
      h("pre", {}, pretty({ body, properties }))));
    item.event = event;
    return item;
  }
});

// What happened, in one line: the whole is a click away.
function brief({ source, body, properties }) {
  const operation = body?.what ?? properties?.opType;
  if (source === "hubDiagnostics") return `${operation}: ${body.reason}`;
  if (source === "deviceConnectionStateEvents" || source === "deviceLifecycleEvents") return operation;
  if (source === "twinChangeEvents" && body?.properties) {
    return Object.entries(body.properties).map(([section, members]) => `${section} ${short(own(members))}`).join(", ");
  }
  return short(body);
}
