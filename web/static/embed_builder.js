// Adds a button that copies the line of HTML. Without scripts, people copy it by hand.
(() => {
  "use strict";
  const line = document.getElementById("line");
  const button = document.createElement("button");
  const said = document.createElement("span");
  button.type = "button";
  button.className = "second";
  button.textContent = "Copy the line";
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    line.select();
    try {
      await navigator.clipboard.writeText(line.value);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "It is selected: copy it now.";
    }
  });
  line.after(button, said);
})();
