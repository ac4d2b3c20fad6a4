// Cloud-to-device messages.

import { counted } from "../model/words.js";
import { ask, of } from "./api.js";
import { h, put, say } from "./dom.js";

customElements.define("message-form", class extends HTMLElement {
  deviceId = "";

  connectedCallback() {
    if (this.firstChild) return;
    this.text = h("textarea", { id: "message", rows: 3, required: true });
    this.properties = h("input", { id: "properties", placeholder: "name=value&other=value", autocomplete: "off" });
    this.refusal = h("p", { class: "refusal", role: "alert", hidden: true });
    this.waiting = h("span", { class: "soft" });
    this.append(h("form", { onsubmit: (event) => this.#send(event) },
      h("label", { for: "message" }, "Message to the device", this.text),
      h("label", { for: "properties" }, "Its properties", this.properties),
      this.refusal,
      h("div", { class: "choices" }, this.waiting, h("button", { type: "button", onclick: () => this.#purge() }, "Throw away what waits"), h("button", { class: "main" }, "Send"))));
  }

  show(count) {
    put(this.waiting, count ? `${count} waiting for the device` : "None waiting");
  }

  async #send(event) {
    event.preventDefault();
    const properties = Object.fromEntries(new URLSearchParams(this.properties.value));
    await this.#try(async () => {
      const { waiting } = await ask("POST", of(this.deviceId, "/messages"), { body: this.text.value, properties });
      this.show(waiting);
      this.text.value = "";
      say("Sent");
    });
  }

  async #purge() {
    await this.#try(async () => {
      const { purged } = await ask("DELETE", of(this.deviceId, "/messages"));
      this.show(0);
      say(`${counted(purged, "message")} thrown away`);
    });
  }

  async #try(act) {
    this.refusal.hidden = true;
    try {
      await act();
    } catch (refusal) {
      put(this.refusal, refusal.message);
      this.refusal.hidden = false;
    }
    this.dispatchEvent(new Event("written", { bubbles: true }));
  }
});
