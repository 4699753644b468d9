// Adds a button that copies the code. Without scripts, people copy it by hand.
(() => {
  "use strict";
  const line = document.getElementById("line");
  const button = document.createElement("button");
  const said = document.createElement("span");
  button.type = "button";
  button.className = "second";
  button.textContent = "Copy the code";
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    line.select();
    try {
      await navigator.clipboard.writeText(line.value);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "The code is selected. Copy it now.";
    }
  });
  line.after(button, said);
})();
