// The desired properties as JSON to write. What the hub refuses is shown here, with the member it names selected; what
// somebody else wrote meanwhile is not overwritten.

import { NotJson, named, pretty, readObject } from "../model/json.js";
import { own, patch, same } from "../model/twin.js";
import { ask, of } from "./api.js";
import { h, put, say } from "./dom.js";
import { enable } from "./keyboard.js";

const CONFLICT = 412;

customElements.define("desired-editor", class extends HTMLElement {
  deviceId = "";
  #base = null; // {etag, desired} that the text began as
  #now = null; // what the hub has
  #busy = false; // it is being saved

  connectedCallback() {
    if (this.firstChild) return;
    this.text = h("textarea", { id: "desired", rows: 12, spellcheck: false, "aria-describedby": "desired-refusal", oninput: () => this.#mark() });
    this.refusal = h("p", { class: "refusal", id: "desired-refusal", role: "alert", hidden: true });
    this.theirs = h("div", { class: "theirs", hidden: true });
    this.save = h("button", { class: "main", "aria-disabled": "true" }, "Save");
    this.undo = h("button", { type: "button", "aria-disabled": "true", onclick: () => this.#take() }, "Undo");
    this.append(h("form", { onsubmit: (event) => this.#save(event) },
      h("label", { for: "desired" }, "Desired properties", this.text), this.refusal, this.theirs,
      h("div", { class: "choices" }, this.undo, this.save)));
  }

  // The twin as the hub has it now. What is told of it while it is being saved may be of before or after that.
  show(twin) {
    if (this.#busy) return;
    const clean = this.#base === null || !this.#changed();
    this.#now = { etag: twin.etag, desired: own(twin.properties.desired) };
    if (clean) this.#take();
    else if (this.#now.etag !== this.#base.etag && this.theirs.hidden && !same(this.#now.desired, this.#base.desired)) this.#warn("Somebody else has changed the desired properties since you began.");
  }

  #take() {
    this.#base = this.#now;
    this.text.value = pretty(this.#base.desired);
    this.#refuse("");
    this.theirs.hidden = true;
    this.#mark();
  }

  #changed() {
    return this.text.value !== pretty(this.#base.desired);
  }

  #mark() {
    for (const button of [this.save, this.undo]) enable(button, this.#changed() && !this.#busy);
  }

  #refuse(text, place = null) {
    put(this.refusal, text);
    this.refusal.hidden = !text;
    this.text.setAttribute("aria-invalid", String(Boolean(text)));
    if (!place) return;
    this.text.focus();
    this.text.setSelectionRange(...place);
  }

  async #save(event) {
    event.preventDefault();
    let wanted;
    try {
      wanted = readObject(this.text.value);
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      return this.#refuse(error.message, [error.start, error.end]);
    }
    const text = this.text.value;
    this.#busy = true;
    this.#mark();
    try {
      const twin = await ask("PATCH", of(this.deviceId, "/desired"), { patch: patch(this.#base.desired, wanted), etag: this.#base.etag });
      this.#now = { etag: twin.etag, desired: own(twin.properties.desired) };
      this.#busy = false;
      if (this.text.value === text) this.#take();
      else this.#keep(this.#now.desired); // somebody went on typing
      say("Saved");
    } catch (refusal) {
      const { twin } = refusal.status === CONFLICT ? await ask("GET", of(this.deviceId)).catch(() => ({})) : {};
      this.#busy = false;
      this.#mark();
      this.#refuse(refusal.message, named(this.text.value, refusal.message));
      if (twin) this.#now = { etag: twin.etag, desired: own(twin.properties.desired) };
      if (refusal.status === CONFLICT) this.#warn("Somebody else has changed the desired properties since you began; nothing of yours was written.");
    }
    this.dispatchEvent(new Event("written", { bubbles: true }));
  }

  #warn(text) {
    this.theirs.hidden = false;
    this.theirs.replaceChildren(
      h("p", {}, text), h("pre", { tabIndex: 0, "aria-label": "What the hub has" }, pretty(this.#now.desired)),
      h("div", { class: "choices" },
        h("button", { type: "button", onclick: () => { this.#take(); this.text.focus(); } }, "Take theirs"),
        h("button", { type: "button", onclick: () => { this.#keep(this.#base.desired); this.save.focus(); } }, "Keep mine, on top of theirs")));
  }

  // The text stays, as a change of `desired`; only what was changed is written then, over what the hub has.
  #keep(desired) {
    this.#base = { etag: this.#now.etag, desired };
    this.theirs.hidden = true;
    this.#refuse("");
    this.#mark();
  }
});
