// Whether the hub is heard, in the head of the page.

import { h, put } from "./dom.js";
import { live } from "./live.js";

const WORDS = {
  waiting: "Connecting to the hub",
  connected: "Live",
  lost: "The hub does not answer; trying again",
  refused: "This hub does not know this browser: open the address that twinkle hub printed",
};

customElements.define("hub-state", class extends HTMLElement {
  connectedCallback() {
    this.setAttribute("role", "status");
    this.append(h("span", { class: "lamp", "aria-hidden": "true" }), h("span", { class: "words" }));
    live.addEventListener("state", () => this.#show());
    this.#show();
  }

  #show() {
    this.dataset.state = live.state;
    const missed = live.dropped ? `; ${live.dropped} events came too fast to be shown` : "";
    put(this.lastChild, WORDS[live.state] + missed);
  }
});
