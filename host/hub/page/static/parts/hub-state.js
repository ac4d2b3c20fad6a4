// Whether the hub is heard, in the head of the page.

import { counted } from "../model/words.js";
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
    this.words = h("span", { role: "status" });
    this.missed = h("span", {}); // which grows: nobody wants to be told each time
    this.append(h("span", { class: "lamp", "aria-hidden": "true" }), this.words, this.missed);
    live.addEventListener("state", () => this.#show());
    this.#show();
  }

  #show() {
    this.dataset.state = live.state;
    put(this.words, WORDS[live.state]);
    put(this.missed, live.dropped ? `${counted(live.dropped, "event")} came too fast to be shown` : "");
  }
});
