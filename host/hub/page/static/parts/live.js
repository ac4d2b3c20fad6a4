// What happens, as the hub tells it: one stream for the whole page, of what is looked at. A page that nobody sees
// listens to nothing. Events: "points", "cards", "events", "counts", "state", and "again" each time that the hub begins
// to be heard: what was read before may be older than the first that is heard, so whoever shows things reads them then.

const FIRST_MS = 500;
const LONGEST_MS = 5000;

class Live extends EventTarget {
  state = "waiting"; // "connected", "lost", "refused"
  hello = null;
  dropped = 0;
  #source = null;
  #wanted = null;
  #wait = FIRST_MS;
  #timer = 0;
  #told = false; // whether "again" has come since something else is looked at

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
  }

  // Look at these devices, and at all that happens to one of them. Whether they can be read now; else "again" comes,
  // be it because the hub is heard or because it is not.
  look(devices, whole = null) {
    const query = new URLSearchParams(devices.map((id) => ["device", id]));
    if (whole !== null) query.set("whole", whole);
    const wanted = `/api/stream?${query}`;
    if (wanted === this.#wanted) return this.#told;
    this.#wanted = wanted;
    this.#told = false;
    this.#close();
    this.#open();
    return false;
  }

  #open() {
    if (!this.#wanted || document.hidden || this.#source) return;
    const source = new EventSource(this.#wanted);
    this.#source = source;
    source.onmessage = (message) => this.#take(JSON.parse(message.data));
    source.onerror = () => {
      this.#close();
      this.#lose();
    };
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  async #lose() {
    this.#become("lost");
    if (!this.#told) this.#again();
    const answer = await fetch("/api/devices?size=1").catch(() => null);
    if (this.#source) return; // something else is looked at meanwhile
    if (answer?.status === 401) return this.#become("refused");
    this.#timer = setTimeout(() => this.#open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_MS);
  }

  #take(told) {
    if (told.hello) {
      if (this.hello && this.hello.version !== told.hello.version) location.reload();
      this.hello = told.hello;
      this.#wait = FIRST_MS;
      this.#become("connected");
      this.#again();
    }
    this.dropped += told.dropped ?? 0;
    if (told.dropped) this.#tell("state", this.state);
    for (const kind of ["counts", "cards", "points", "events"]) if (told[kind]) this.#tell(kind, told[kind]);
  }

  #again() {
    this.#told = true;
    this.#tell("again", null);
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.#tell("state", state);
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

export const live = new Live();

// Listen while an element is on the page.
export function heard(signal, kind, take) {
  live.addEventListener(kind, (event) => take(event.detail), { signal });
}
