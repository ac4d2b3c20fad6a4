// Telemetry as plots, one below the other: what the log holds of the chosen time, and what comes. Dragging zooms, a
// double click shows all again; hovering tells the values of one moment in all plots.

import { columns, joined, names, series } from "../model/series.js";
import { counted, plain, sign, withUnit } from "../model/words.js";
import { ask, of } from "./api.js";
import { h, put } from "./dom.js";
import { enable } from "./keyboard.js";

const { uPlot } = globalThis; // of vendor/, which is no module
const RANGES = [["5 minutes", 300], ["1 hour", 3600], ["6 hours", 21600], ["24 hours", 86400], ["All that is kept", 0]];
const MOST = 20_000;
const HEIGHT = 190;
const X_SPACE = 90; // pixels between two ticks, whose labels may hold a date
const [NARROWEST, EDGE, DIGIT] = [58, 22, 8]; // pixels of the values beside a plot
const TABLE = 20;

customElements.define("telemetry-plot", class extends HTMLElement {
  deviceId = "";
  units = {};
  #points = [];
  #news = null; // what comes while the log is read, whose answer may be older
  #plots = new Map();
  #drawn = 0;
  #turn = 0;
  #zoom = null;
  #wide = new ResizeObserver(() => this.#resize());

  connectedCallback() {
    this.range = h("select", { id: "range", onchange: () => this.load() }, RANGES.map(([text, seconds]) => h("option", { value: seconds }, text)));
    this.all = h("button", { type: "button", "aria-disabled": "true", onclick: () => this.#zoomTo(null) }, "Show all");
    this.note = h("p", { class: "soft" }, "\u00a0");
    this.plots = h("div", { class: "plots" });
    this.table = h("tbody");
    this.heads = h("tr");
    this.append(
      h("div", { class: "tools" }, h("label", { for: "range" }, "Time", this.range), this.all),
      this.note, this.plots,
      h("details", { ontoggle: () => this.#list() }, h("summary", {}, "The newest values as a table"),
        h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Newest values" }, h("table", {}, h("thead", {}, this.heads), this.table))));
    this.details = this.querySelector("details");
    this.#wide.observe(this.plots);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#rebuild());
    this.load();
  }

  disconnectedCallback() {
    this.#wide.disconnect();
    for (const { plot } of this.#plots.values()) plot.destroy();
    this.#plots.clear();
    cancelAnimationFrame(this.#drawn);
  }

  async load() {
    const turn = ++this.#turn;
    const seconds = Number(this.range.value);
    this.#news = [];
    const since = seconds ? Date.now() - seconds * 1000 : 0;
    const told = await ask("GET", of(this.deviceId, `/telemetry?since=${since}`)).catch(() => null);
    if (turn !== this.#turn || told === null) return;
    this.#points = joined(told.points, this.#news, MOST);
    this.#news = null;
    this.whole = told.whole;
    this.#draw();
    this.#zoomTo(null);
  }

  add(points) {
    this.#news?.push(...points);
    this.#points = joined(this.#points, points, MOST);
    if (!this.#drawn) this.#drawn = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawn = 0;
    const shown = names(this.#points);
    for (const [name, { plot, element }] of this.#plots) {
      if (shown.includes(name)) continue;
      plot.destroy();
      element.remove();
      this.#plots.delete(name);
    }
    const messages = counted(this.#points.length, "message");
    put(this.note, shown.length ? (this.whole === false ? `The newest ${messages} of this time` : messages) : "No numbers in this time.");
    for (const name of shown) this.#show(name);
    this.#list();
  }

  #show(name) {
    const pairs = series(this.#points, name);
    const data = columns(pairs);
    if (!this.#plots.has(name)) this.#plots.set(name, this.#make(name, data));
    const made = this.#plots.get(name);
    const seconds = Number(this.range.value);
    const from = seconds ? Date.now() / 1000 - seconds : data[0][0];
    made.whole = { min: Math.min(data[0].at(-1) - 1, Math.max(from, data[0][0])), max: data[0].at(-1) };
    made.plot.setData(data, false);
    made.plot.setScale("x", this.#zoom ?? made.whole);
    const values = pairs.map(([, value]) => value);
    const unit = this.units[name];
    put(made.now, withUnit(values.at(-1), unit));
    made.place.setAttribute("aria-label", `${name}: ${withUnit(values.at(-1), unit)} now, from ${plain(Math.min(...values))} to ${withUnit(Math.max(...values), unit)}`);
  }

  #make(name, data) {
    const unit = this.units[name];
    const now = h("span", { class: "now" });
    const at = h("span", { class: "at" });
    const place = h("div", { class: "canvas", role: "img" });
    const element = h("figure", {}, h("figcaption", {}, h("span", { class: "name" }, name, unit ? ` in ${sign(unit)}` : ""), at, now), place);
    this.plots.append(element);
    const style = getComputedStyle(this);
    const [ink, edge, accent] = ["--soft", "--edge", "--accent"].map((colour) => resolved(this, style.getPropertyValue(colour)));
    const axis = { stroke: ink, grid: { stroke: edge, width: 1 }, ticks: { stroke: edge, width: 1 }, font: "12px system-ui, DejaVu Sans, sans-serif" };
    const plot = new uPlot({
      width: this.plots.clientWidth || 600,
      height: HEIGHT,
      legend: { show: false },
      cursor: { sync: { key: `telemetry ${this.deviceId}` }, drag: { x: true, y: false, setScale: false } },
      scales: { y: { range: (_, low, high) => room(low, high) } },
      axes: [{ ...axis, space: X_SPACE }, { ...axis, size: wide, values: (_, ticks) => ticks.map(plain) }],
      series: [{}, { stroke: accent, width: 1.8, points: { size: 4, fill: accent } }],
      hooks: {
        setCursor: [(u) => put(at, hovered(u, unit))],
        setSelect: [(u) => this.#select(u)],
      },
    }, data, place);
    plot.over.addEventListener("dblclick", () => this.#zoomTo(null));
    return { plot, element, place, now, whole: null };
  }

  #select(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    this.#zoomTo({ min: u.posToVal(left, "x"), max: u.posToVal(left + width, "x") });
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }

  #zoomTo(zoom) {
    this.#zoom = zoom;
    enable(this.all, zoom !== null);
    for (const { plot, whole } of this.#plots.values()) plot.setScale("x", zoom ?? whole);
  }

  #resize() {
    for (const { plot } of this.#plots.values()) plot.setSize({ width: this.plots.clientWidth, height: HEIGHT });
  }

  #rebuild() {
    for (const { plot, element } of this.#plots.values()) {
      plot.destroy();
      element.remove();
    }
    this.#plots.clear();
    if (this.isConnected) this.#draw();
  }

  #list() {
    if (!this.details.open) return;
    const shown = names(this.#points);
    this.heads.replaceChildren(h("th", { scope: "col" }, "Time"), ...shown.map((name) => h("th", { scope: "col" }, name)));
    this.table.replaceChildren(...this.#points.slice(-TABLE).reverse().map(([time, values]) =>
      h("tr", {}, h("td", {}, new Date(time).toLocaleTimeString()), ...shown.map((name) => h("td", {}, name in values ? withUnit(values[name], this.units[name]) : "")))));
  }
});

// Room for the longest of the values beside a plot.
const wide = (_, texts) => Math.max(NARROWEST, EDGE + DIGIT * Math.max(0, ...(texts ?? []).map((text) => text.length)));

// Some room above and below, also for what never changes.
function room(low, high) {
  if (low === null || high === null) return [0, 1];
  const edge = (high - low) * 0.1 || Math.abs(high) * 0.05 || 1;
  return [low - edge, high + edge];
}

function hovered(u, unit) {
  const at = u.cursor.idx;
  if (at === null || at === undefined || u.data[1][at] === null || u.data[1][at] === undefined) return "";
  return `${new Date(u.data[0][at] * 1000).toLocaleTimeString()}: ${withUnit(u.data[1][at], unit)}`;
}

// A colour as a canvas takes it: light-dark() is no colour there.
function resolved(element, colour) {
  const probe = h("span", { hidden: true });
  probe.style.color = colour;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
