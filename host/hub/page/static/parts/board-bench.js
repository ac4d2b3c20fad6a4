customElements.define("board-bench", class extends HTMLElement {});
