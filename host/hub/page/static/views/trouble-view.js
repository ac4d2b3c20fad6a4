// Trouble on purpose: the hub's faults, switched one by one, and how often each has been at work.

import { NotJson, pretty, readObject } from "../model/json.js";
import { counted } from "../model/words.js";
import { ask } from "../parts/api.js";
import { h, put, say } from "../parts/dom.js";
import { enable } from "../parts/keyboard.js";
import { live } from "../parts/live.js";

const LOOK_MS = 1000;
const TYPED_MS = 400;
const WORDS = {
  refuse: ["A connection is refused", "CONNACK code"],
  kill: ["A connection is aborted", "after bytes"],
  stall: ["Nothing is sent for a while, then all of it", "seconds"],
  swallow: ["A telemetry message is not acknowledged"],
  lose: ["A message to the device is lost"],
  double: ["A message to the device comes twice"],
  late: ["A message to the device comes late", "seconds"],
  reorder: ["Two messages to the device change places", "within seconds"],
  status: ["A twin answer becomes an error", "status"],
  rid: ["A twin answer is for a request that nobody made"],
  fill: ["A twin's desired properties are larger", "by bytes"],
  http: ["A service's request fails", "status"],
};

customElements.define("trouble-view", class extends HTMLElement {
  #rows = new Map();
  #others = []; // rules that the rows do not show
  #timer = 0;
  #typed = 0; // the timer of what is being typed
  #asked = Promise.resolve(); // what was switched last: the next thing waits for it, so that all come in their order
  #waiting = 0;
  #done = 0; // how often something was switched: what was asked before may be older

  connectedCallback() {
    document.title = "Trouble · Twinkle";
    this.refusal = h("p", { class: "refusal", role: "alert", hidden: true });
    this.fixed = h("p", { class: "soft", hidden: true }, "The hub was started with faults of the line; they stay until it stops, and nothing can be switched here.");
    this.list = h("ul", { class: "faults", "aria-label": "Faults" });
    this.text = h("textarea", { id: "rules", rows: 8, spellcheck: false, oninput: () => { this.dirty = true; } });
    this.append(
      h("div", { class: "headline" }, h("h1", {}, "Trouble on purpose"), h("button", { type: "button", onclick: () => this.#quiet() }, "All off")),
      h("p", { class: "soft" }, "What is switched on here, the hub does wrong from now on, to show how devices and services bear it."),
      this.fixed, this.refusal, this.list,
      h("details", { class: "panel" }, h("summary", {}, "The rules as JSON"),
        h("form", { onsubmit: (event) => this.#write(event) }, h("label", { for: "rules" }, "Rules, as in the file that twinkle hub --faults takes", this.text), h("div", { class: "choices" }, h("button", { class: "main" }, "Follow these")))));
    live.look([]);
    this.#look();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  // What a fault has done is told by nobody; while this is seen, it is asked for.
  async #look() {
    const done = this.#done;
    const told = document.hidden ? null : await ask("GET", "/faults").catch(() => null);
    if (!this.isConnected) return;
    if (told && done === this.#done && !this.#waiting && !this.#typed) this.#show(told);
    this.#timer = setTimeout(() => this.#look(), LOOK_MS);
  }

  #show(told) {
    if (!this.#rows.size) {
      for (const [fault, own] of Object.entries(told.kinds)) this.#rows.set(fault, this.#row(fault, own));
      this.list.replaceChildren(...[...this.#rows.values()].map((row) => row.element));
    }
    this.fixed.hidden = !told.fixed;
    const left = [...told.rules];
    for (const [fault, row] of this.#rows) {
      const at = left.findIndex((rule) => rule.fault === fault && Object.keys(rule).every((name) => ["fault", "device", "share", "done", row.own?.member].includes(name)));
      row.show(at < 0 ? null : left.splice(at, 1)[0], told.done[fault] ?? 0, told.fixed);
    }
    this.#others = left.map(({ done, ...rule }) => rule);
    if (document.activeElement !== this.text && !this.dirty) this.text.value = pretty({ rules: told.rules.map(({ done, ...rule }) => rule) });
  }

  #row(fault, own) {
    const [title, member] = WORDS[fault] ?? [fault, own?.member];
    const box = h("input", { type: "checkbox", role: "switch", onchange: () => this.#put() });
    const soon = () => box.checked && this.#soon();
    const device = h("input", { value: "*", id: `device-${fault}`, oninput: soon, autocomplete: "off" });
    const share = h("input", { type: "number", min: 0, max: 100, value: 100, id: `share-${fault}`, oninput: soon });
    const value = own && h("input", { type: "number", min: 0, step: Number.isInteger(own.default) && own.member !== "seconds" ? 1 : "any", value: own.default, id: `own-${fault}`, oninput: soon });
    const done = h("span", { class: "badge done" }, "0 times");
    const element = h("li", { class: "panel fault" },
      h("label", { class: "switch" }, box, h("span", {}, title)), done,
      h("div", { class: "settings", role: "group", "aria-label": title },
        h("label", { for: device.id }, "Devices", device), h("label", { for: share.id }, "Share, %", share),
        value && h("label", { for: value.id }, member[0].toUpperCase() + member.slice(1), value)));
    return {
      element, own,
      rule: () => box.checked && { fault, device: device.value || "*", share: Number(share.value) / 100, ...(own ? { [own.member]: Number(value.value) } : {}) },
      off: () => { box.checked = false; },
      show: (rule, times, fixed) => {
        box.checked = rule !== null;
        enable(box, !fixed);
        if (rule && !element.contains(document.activeElement)) {
          device.value = rule.device ?? "*";
          share.value = (rule.share ?? 1) * 100;
          if (own) value.value = rule[own.member] ?? own.default;
        }
        put(done, times === 1 ? "once" : `${times} times`);
        done.dataset.kind = times ? "pending" : "none";
      },
    };
  }

  #quiet() {
    this.#rows.forEach((row) => row.off());
    this.#others = [];
    this.#put();
  }

  #soon() {
    clearTimeout(this.#typed);
    this.#typed = setTimeout(() => this.#put(), TYPED_MS);
  }

  #put(rules = [...[...this.#rows.values()].map((row) => row.rule()).filter(Boolean), ...this.#others]) {
    clearTimeout(this.#typed);
    this.#typed = 0;
    this.#waiting++;
    this.#asked = this.#asked.then(async () => {
      const { told, refusal } = await ask("PUT", "/faults", { rules }).then((told) => ({ told }), (refusal) => ({ refusal }));
      this.#waiting--;
      this.#done++;
      if (refusal) return this.#refuse(refusal.message);
      this.refusal.hidden = true;
      if (this.#waiting || this.#typed) return;
      this.dirty = false;
      this.#show(told);
      say(`${counted(rules.length, "fault is", "faults are")} on`);
    });
  }

  #write(event) {
    event.preventDefault();
    try {
      this.#put(readObject(this.text.value).rules);
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      this.#refuse(error.message);
    }
  }

  #refuse(text) {
    put(this.refusal, text);
    this.refusal.hidden = false;
  }
});
