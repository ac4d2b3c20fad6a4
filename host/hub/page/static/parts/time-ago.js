// A moment as a person says it, kept true; the exact one is in its title.

import { ago } from "../model/words.js";

const shown = new Set();
setInterval(() => shown.forEach((element) => element.refresh()), 5000);

customElements.define("time-ago", class extends HTMLElement {
  #moment = null;

  set moment(moment) {
    this.#moment = moment === null ? null : new Date(moment);
    this.title = this.#moment ? this.#moment.toLocaleString() : "";
    this.refresh();
  }

  refresh() {
    const text = this.#moment ? ago(Date.now() - this.#moment) : "";
    if (this.textContent !== text) this.textContent = text;
  }

  connectedCallback() {
    shown.add(this);
    this.refresh();
  }

  disconnectedCallback() {
    shown.delete(this);
  }
});
