// The board on its bench: what its pins show, what its sensor is in, its switches, its console and its log.

import { plain } from "../model/words.js";
import { ask } from "./api.js";
import { arrange, h, put, svg } from "./dom.js";
import { enable } from "./keyboard.js";

const AGAIN_MS = 1000;
const LINES = 500;
const FAULTS = { "": "None", absent: "Absent: no answer", bit: "Wrong checksum", stale: "Stale: the last sample again" };

customElements.define("board-bench", class extends HTMLElement {
  deviceId = "";
  #source = null;
  #timer = 0;
  #held = null; // the slider in somebody's hand
  #lines = new Map();
  #named = new Map(); // sensors
  #asked = Promise.resolve(); // what was asked last: the next thing waits for it, so that all come in their order
  #waiting = 0;
  #done = 0; // deeds that the bench has counted when it did what was asked last: what was seen with fewer is older
  #seen = null;

  connectedCallback() {
    this.refusal = h("p", { class: "refusal", role: "alert", hidden: true });
    this.about = h("p", { class: "soft" }, "\u00a0");
    this.power = this.#toggle("Power", (on) => this.#do({ do: "power", on }));
    this.network = this.#toggle("Cable", (on) => this.#do({ do: "network", on }));
    this.state = h("span", { class: "badge" });
    this.lines = h("ul", { class: "pins", "aria-label": "Pins" });
    this.sensor = this.#sensor(null);
    this.sensors = h("div", {});
    this.said = h("pre", { class: "terminal", tabIndex: 0, role: "log", "aria-label": "Console" });
    this.typed = h("input", { id: "typed", autocomplete: "off", autocapitalize: "off", spellcheck: false, placeholder: "help", class: "mono" });
    this.send = h("button", { "aria-disabled": "true" }, "Send");
    this.log = h("pre", { class: "log", tabIndex: 0, role: "log", "aria-label": "Log", "aria-live": "off" });
    this.append(h("section", { class: "panel bench" },
      h("div", { class: "bench-head" }, h("h2", {}, "The board"), this.state, this.power.element, this.network.element),
      this.about, this.refusal, this.lines,
      this.sensor.element, this.sensors,
      h("h3", {}, "Console"), this.said,
      h("form", { class: "type", onsubmit: (event) => this.#type(event) }, h("label", { for: "typed" }, h("span", { class: "unseen" }, "Type at the console"), this.typed), this.send),
      h("h3", {}, "Log"), this.log));
    this.#watch();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #watch() {
    if (!this.isConnected) return;
    const source = new EventSource(`/api/boards/${encodeURIComponent(this.deviceId)}/stream`);
    this.#source = source;
    let first = true;
    source.onmessage = (message) => {
      const told = JSON.parse(message.data);
      if (first) { // another run may have another board file
        this.log.replaceChildren();
        this.#lines.clear();
        this.#done = 0;
      }
      first = false;
      if (told.seen) this.#show(told.seen);
      if (told.log) this.#grow(this.log, told.log.join("\n") + "\n");
      if (told.console) this.#grow(this.said, told.console.replaceAll("\r", ""));
      if (told.gone) this.#lost();
    };
    source.onerror = () => this.#lost();
  }

  #lost() {
    this.#source?.close();
    this.#show(null);
    this.#timer = setTimeout(() => this.#watch(), AGAIN_MS);
  }

  #do(asked) {
    this.#waiting++;
    this.#asked = this.#asked.then(async () => {
      try {
        this.#done = (await ask("POST", `/boards/${encodeURIComponent(this.deviceId)}`, asked)).done;
        this.refusal.hidden = true;
      } catch (refusal) {
        put(this.refusal, refusal.message);
        this.refusal.hidden = false;
      }
      this.#waiting--;
      this.#controls();
    });
  }

  // What somebody has just moved stays where it is until that is done, and seen.
  #controls() {
    const seen = this.#seen;
    enable(this.send, Boolean(seen)); // what is answered to one who does not watch is not heard
    if (seen && (this.#waiting || seen.deeds < this.#done)) return;
    this.power.set(Boolean(seen?.powered), Boolean(seen));
    this.network.set(Boolean(seen?.network?.connected), Boolean(seen?.network));
    if (!seen) return;
    for (const line of seen.lines) if (line.kind === "input") light(this.#lines.get(line.name), line.level);
    this.sensor.set(seen.sensor);
    for (const [name, sensor] of Object.entries(seen.sensors)) this.#named.get(name).set(sensor);
  }

  #show(seen) {
    const [kind, words] = !seen ? ["disabled", "Not there"] : !seen.powered ? ["disabled", "Off"] : seen.running ? ["ok", "Running"] : ["bad", "Not running"];
    this.state.dataset.kind = kind;
    put(this.state, words);
    this.#seen = seen;
    if (seen) this.#parts(seen);
    else this.lines.querySelectorAll("[data-level]").forEach((line) => light(line, 0));
    this.#controls();
  }

  #parts(seen) {
    put(this.about, [seen.description ?? seen.board, seen.interpreter === "micropython" ? "MicroPython" : "CPython"].join(" · "));
    this.network.element.hidden = seen.network === null;
    if (seen.network) this.network.name(seen.network.kind);
    this.#pins(seen.lines);
    const names = Object.keys(seen.sensors);
    for (const name of names) if (!this.#named.has(name)) this.#named.set(name, this.#sensor(name));
    arrange(this.sensors, names.map((name) => this.#named.get(name).element));
  }

  // What the room of a sensor is like; the one without a name is null.
  #sensor(name) {
    const [whose, of] = name === null ? [{}, ""] : [{ name }, ` of ${name}`];
    const id = (part) => (name === null ? part : `${part}-${name}`);
    const model = h("h3", {}, "Sensor");
    const slider = (member, title, unit) => this.#slider(id(member), title + of, unit, 0.1, (value) => this.#do({ do: "sensor", ...whose, [member]: value }));
    const temperature = slider("temperature", "Temperature", "°C");
    const humidity = slider("humidity", "Humidity", "%");
    const fault = h("select", { id: id("fault"), onchange: () => this.#do({ do: "sensor", ...whose, fault: fault.value || null }) }, Object.entries(FAULTS).map(([value, text]) => h("option", { value }, text)));
    const day = h("button", { type: "button", onclick: () => this.#do({ do: "day", ...whose }) }, "Its own day again");
    const element = h("div", { class: "sensor", hidden: true }, model, temperature.element, humidity.element,
      h("div", { class: "tools" }, h("label", { for: id("fault") }, `Fault${of}`, fault), day));
    return {
      element,
      set: (seen) => {
        element.hidden = seen === null;
        if (!seen) return;
        put(model, `Sensor${name === null ? "" : ` ${name}`}, ${seen.model}`);
        temperature.set(seen.temperature, seen.ranges.temperature);
        humidity.set(seen.humidity, seen.ranges.humidity);
        if (document.activeElement !== fault) fault.value = seen.fault ?? "";
        enable(day, seen.told || seen.fault !== null);
      },
    };
  }

  #pins(lines) {
    for (const line of lines) {
      if (!this.#lines.has(line.name)) this.#lines.set(line.name, line.kind === "input" ? this.#input(line) : output(line));
      if (line.kind !== "input") light(this.#lines.get(line.name), line.level);
    }
    arrange(this.lines, lines.map((line) => this.#lines.get(line.name)));
  }

  #input(line) {
    const button = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
      const active = button.getAttribute("aria-pressed") !== "true";
      light(pin, Number(active));
      this.#do({ do: "press", name: line.name, active });
    } }, line.name);
    const pin = h("li", { class: "pin input" }, button, h("span", { class: "level" }), pinOf(line));
    return pin;
  }

  #toggle(name, act) {
    const box = h("input", { type: "checkbox", role: "switch", "aria-disabled": "true", onchange: () => act(box.checked) });
    const text = h("span", {}, name);
    return {
      element: h("label", { class: "switch" }, box, text),
      set: (on, able) => { box.checked = on; enable(box, able); },
      name: (word) => put(text, word),
    };
  }

  #slider(name, title, unit, step, act) {
    const shown = h("span", { class: "value", "aria-hidden": "true" });
    const tell = (value) => {
      put(shown, `${plain(Number(value))} ${unit}`);
      control.setAttribute("aria-valuetext", shown.textContent);
    };
    const control = h("input", {
      type: "range", id: name, step,
      oninput: () => { this.#held = name; tell(control.value); act(Number(control.value)); },
      onchange: () => { this.#held = null; },
    });
    return {
      element: h("label", { for: name, class: "slider" }, h("span", {}, title), control, shown),
      set: (value, [min, max]) => {
        Object.assign(control, { min, max });
        if (this.#held !== name) { control.value = value; tell(value); }
      },
    };
  }

  #grow(place, text) {
    const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 30;
    place.append(text);
    const lines = place.textContent.split("\n");
    if (lines.length > LINES) place.textContent = lines.slice(-LINES).join("\n");
    if (atEnd) place.scrollTop = place.scrollHeight;
  }

  #type(event) {
    event.preventDefault();
    this.#do({ do: "type", text: `${this.typed.value}\r` });
    this.typed.value = "";
  }
});

function output(line) {
  const lamp = line.kind === "led"
    ? svg("svg", { viewBox: "0 0 40 40", class: "lamp", "aria-hidden": "true" }, svg("circle", { cx: 20, cy: 20, r: 19, class: "glow" }), svg("circle", { cx: 20, cy: 20, r: 9, class: "bulb" }))
    : svg("svg", { viewBox: "0 0 40 40", class: "lamp", "aria-hidden": "true" }, svg("rect", { x: 11, y: 11, width: 18, height: 18, rx: 3, class: "bulb" }));
  return h("li", { class: `pin ${line.kind}` }, lamp, h("span", {}, line.name), h("span", { class: "level" }), pinOf(line));
}

const pinOf = (line) => h("span", { class: "soft" }, line.pin === null || line.pin === undefined || line.pin === line.name ? "" : `pin ${line.pin}`);

// What the pin shows, from 0 to 1.
function light(element, level) {
  element.dataset.level = level;
  element.style.setProperty("--level", level);
  const words = element.classList.contains("input") ? (level ? "active" : "not active") : level === 0 ? "dark" : level === 1 ? "lit" : `${Math.round(level * 100)} %`;
  put(element.querySelector(".level"), element.classList.contains("output") ? (level ? "on" : "off") : words);
  element.querySelector("button")?.setAttribute("aria-pressed", String(level > 0));
}
