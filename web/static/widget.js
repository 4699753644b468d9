// <lobby-petition>: a petition's form in another site's page (docs/guide/widget.md). No cookies, nothing
// kept, nothing loaded but the frame. Where it cannot work, the link within the element stays.
(() => {
  "use strict";
  const { origin } = new URL(document.currentScript.src);
  const asked = new URLSearchParams(location.search);
  const PATIENCE = 4000; // ms from the frame's load to its first word; a blocked one has none

  class LobbyPetition extends HTMLElement {
    static observedAttributes = ["petition", "partner", "source"];
    #frame;
    #slot;
    #timer;
    #isReady;
    #isHere;

    connectedCallback() {
      addEventListener("message", this);
      this.#isHere = true;
      this.#build();
    }

    disconnectedCallback() {
      removeEventListener("message", this);
      clearTimeout(this.#timer);
      this.#isHere = false;
      this.#frame = null;
    }

    attributeChangedCallback() {
      if (this.#isHere) this.#build();
    }

    handleEvent(message) {
      if (message.origin !== origin || message.source !== this.#frame?.contentWindow) return;
      const { lobby, height } = message.data ?? {};
      if (lobby === "height") this.#grow(height);
      if (lobby === "signed") this.#tell(lobby);
    }

    #build() {
      if (!this.getAttribute("petition"))
        return console.error("<lobby-petition> needs the attribute petition.");
      clearTimeout(this.#timer);
      this.#isReady = false;
      this.#slot = document.createElement("slot");
      const frame = (this.#frame = document.createElement("iframe"));
      frame.title = this.textContent.trim() || "Sign the petition";
      frame.loading = "lazy";
      frame.referrerPolicy = "no-referrer";
      // Through the style's own interface, which no content policy forbids.
      frame.style.cssText = "display:block;width:100%;height:40rem;border:0;visibility:hidden";
      frame.onload = () => this.#greet();
      frame.src = this.#address();
      this.style.display ||= "block";
      (this.shadowRoot ?? this.attachShadow({ mode: "open" })).replaceChildren(this.#slot, frame);
    }

    #address() {
      const petition = encodeURIComponent(this.getAttribute("petition"));
      const address = new URL(`/embed/${petition}`, origin);
      const source = this.getAttribute("source") ?? asked.get("source") ?? asked.get("utm_source");
      for (const [name, value] of Object.entries({ partner: this.getAttribute("partner"), source }))
        if (value) address.searchParams.set(name, value);
      return address.href;
    }

    #greet() {
      this.#frame.contentWindow.postMessage("lobby:hello", origin);
      if (this.#isReady) return;
      this.#timer = setTimeout(() => (this.#frame.style.display = "none"), PATIENCE);
    }

    #grow(height) {
      this.#frame.style.height = `${Number(height)}px`;
      if (this.#isReady) return;
      this.#isReady = true;
      clearTimeout(this.#timer);
      this.#frame.style.visibility = "visible";
      this.#frame.style.display = "block";
      const hadFocus = this.contains(document.activeElement);
      this.#slot.remove(); // and the link with it
      if (hadFocus) this.#frame.focus();
      this.#tell("ready");
    }

    #tell(what) {
      const detail = { petition: this.getAttribute("petition") };
      this.dispatchEvent(new CustomEvent(`lobby:${what}`, { bubbles: true, detail }));
    }
  }

  if (!customElements.get("lobby-petition")) customElements.define("lobby-petition", LobbyPetition);
})();
