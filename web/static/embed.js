// Within the frame: tells the page around it how tall it is and that a form was sent, never whose.
// It speaks only to who greets it from a site that may frame it. Without scripts, all else works.
(() => {
  "use strict";
  const { origins, signed } = document.currentScript.dataset;
  const allowed = [location.origin, ...origins.split(" ")];
  let observer;

  function answer(origin) {
    const tell = (message) => parent.postMessage(message, origin);
    const measure = () =>
      tell({ lobby: "height", height: Math.ceil(document.body.getBoundingClientRect().height) });
    measure(); // by ourselves: browsers observe nothing in a frame that is not seen yet
    if (!observer && signed !== undefined) tell({ lobby: "signed" });
    observer?.disconnect();
    observer = new ResizeObserver(measure);
    observer.observe(document.body);
  }

  // In a frame of another site browsers leave `autofocus` to us.
  document.querySelector("[autofocus]")?.focus();
  addEventListener("message", ({ data, origin, source }) => {
    const isAllowed = allowed.includes(origin) || allowed.includes("*");
    if (data === "lobby:hello" && source === parent && isAllowed) answer(origin);
  });
})();
