// Direct methods: a form of the model's commands where there is a model, free JSON always.

import { commands, field, title } from "../model/dtdl.js";
import { NotJson, pretty, read } from "../model/json.js";
import { ask, of } from "./api.js";
import { h, put, say } from "./dom.js";
import { schemaField } from "./schema-field.js";

const FREE = { name: null, title: "Any other, with free JSON", request: null };

customElements.define("method-form", class extends HTMLElement {
  deviceId = "";
  #commands = [FREE];
  #payload = null;
  #free = null;
  #busy = false;

  connectedCallback() {
    if (this.firstChild) return;
    this.choice = h("select", { id: "command", onchange: () => this.#ask() });
    this.fields = h("div", { class: "fields" });
    this.call = h("button", { class: "main" }, "Call");
    this.answer = h("div", { class: "answer", role: "status" });
    this.refusal = h("p", { class: "refusal", role: "alert", hidden: true });
    this.append(h("form", { onsubmit: (event) => this.#call(event) },
      h("label", { for: "command" }, "Method", this.choice), this.fields, h("div", { class: "choices" }, this.call), this.refusal, this.answer));
    this.show(this.model ?? null);
  }

  // The model of the device, or null. Whoever fills in the free form already goes on with that.
  show(model) {
    this.model = model;
    this.#commands = [...(model ? commands(model) : []), FREE];
    this.choice.replaceChildren(...this.#commands.map((command, at) => h("option", { value: at }, command.name ? `${command.name}: ${command.title}` : command.title)));
    if (this.#free && (this.#free.value || this.fields.contains(document.activeElement))) this.choice.value = this.#commands.length - 1;
    else this.#ask();
  }

  #ask() {
    const command = this.#commands[this.choice.value];
    this.#free = null;
    if (command.name === null) {
      this.#free = h("input", { id: "method", required: true, maxLength: 128, autocomplete: "off" });
      this.#payload = schemaField("Payload", { kind: "json" });
      this.fields.replaceChildren(h("label", { for: "method" }, "Name", this.#free), this.#payload.element);
    } else if (command.request) {
      this.#payload = schemaField(title(command.request), field(command.request.schema, command.schemas));
      this.fields.replaceChildren(this.#payload.element);
    } else {
      this.#payload = { read: () => null };
      this.fields.replaceChildren(h("p", { class: "soft" }, command.description ?? "It takes no payload."));
    }
  }

  async #call(event) {
    event.preventDefault();
    if (this.#busy) return; // the button itself stays as it is: what is disabled loses the keyboard
    const command = this.#commands[this.choice.value];
    const name = command.name ?? this.#free.value;
    this.#refuse("");
    let payload;
    try {
      payload = this.#payload.read();
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      return this.#refuse(error.message);
    }
    this.#busy = true;
    put(this.answer, "Waiting for the device …");
    try {
      const { status, payload: told, ms } = await ask("POST", of(this.deviceId, "/methods"), { name, payload });
      this.answer.replaceChildren(
        h("p", {}, h("span", { class: "badge", "data-kind": status < 400 ? "ok" : "bad" }, `Status ${status}`), ` ${name}, after ${ms} ms`),
        h("pre", { tabIndex: 0, "aria-label": "Payload of the answer" }, pretty(told)));
      say(`${name} answered ${status}`);
    } catch (refusal) {
      put(this.answer, "");
      this.#refuse(refusal.message);
    }
    this.#busy = false;
  }

  #refuse(text) {
    put(this.refusal, text);
    this.refusal.hidden = !text;
  }
});
