// A small live curve of one number, with its name and its last value.

import { runs } from "../model/series.js";
import { withUnit } from "../model/words.js";
import { h, put, svg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;
const EDGE = 3;

customElements.define("small-curve", class extends HTMLElement {
  #line = svg("path", { class: "line" });
  #dot = svg("path", { class: "dot" });
  #name = h("span", { class: "name" });
  #value = h("span", { class: "value" });

  connectedCallback() {
    if (this.firstChild) return;
    this.append(this.#name, svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.#line, this.#dot), this.#value);
  }

  show(name, pairs, unit) {
    put(this.#name, name);
    this.#name.title = name;
    put(this.#value, pairs.length ? withUnit(pairs.at(-1)[1], unit) : "");
    this.#value.title = this.#value.textContent;
    const times = pairs.map(([time]) => time);
    const values = pairs.map(([, value]) => value);
    const [from, to] = [times[0], times.at(-1)];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const x = (time) => (to > from ? EDGE + ((time - from) / (to - from)) * (WIDTH - 2 * EDGE) : WIDTH - EDGE);
    const y = (value) => (high > low ? HEIGHT - EDGE - ((value - low) / (high - low)) * (HEIGHT - 2 * EDGE) : HEIGHT / 2);
    const path = runs(pairs).map((run) => run.map(([time, value], at) => `${at ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join(""));
    this.#line.setAttribute("d", path.join(""));
    // A line of no length with round ends: a dot that stays round however wide the curve is.
    this.#dot.setAttribute("d", pairs.length ? `M${x(to).toFixed(1)} ${y(values.at(-1)).toFixed(1)}h0` : "");
  }
});
