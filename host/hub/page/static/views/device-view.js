customElements.define("device-view", class extends HTMLElement {});
