customElements.define("trouble-view", class extends HTMLElement {});
