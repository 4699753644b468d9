// Makes pages nicer: every page works without it. An ES module runs after the page is read.
const all = (selector) => document.querySelectorAll(selector);

// A form that was just sent is not sent again, until 'Back' shows the page as it was.
for (const form of all("form")) {
  let sent = 0;
  form.addEventListener("submit", (event) => {
    if (form.method !== "post") return;
    if (Date.now() - sent < 8000) event.preventDefault();
    else sent = Date.now();
  });
  addEventListener("pageshow", () => (sent = 0));
}

// Sharing: copy needs a secure page, and few desktops have a share sheet.
for (const button of all("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.lastChild;
    label.textContent = "Copied";
    button.setAttribute("aria-live", "polite");
    setTimeout(() => (label.textContent = "Copy link"), 4000);
  });
}
for (const button of all("[data-share]")) {
  if (!navigator.share) continue;
  button.parentElement.hidden = false;
  const { share: url, text } = button.dataset;
  button.addEventListener("click", () => navigator.share({ url, text }).catch(() => {}));
}

// The MP of a postcode, beside its field. If anything fails, the line stays empty.
for (const line of all("[data-postcode-line]")) {
  const field = line.closest("form").elements.postcode;
  let timer, asked;
  const show = async () => {
    const postcode = field.value.replace(/\s/g, "").toUpperCase();
    if (postcode === asked) return;
    asked = postcode;
    line.hidden = true;
    if (!/^[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}$/.test(postcode)) return;
    try {
      const answer = await fetch(`/v1/postcodes/${postcode}`);
      const { member, constituency } = answer.ok ? await answer.json() : {};
      if (postcode !== asked || !constituency) return;
      line.textContent = member
        ? `${member.name} is your MP.`
        : `${constituency.name} has no MP at the moment.`;
      line.hidden = false;
    } catch {}
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 400);
  });
  if (field.value) show();
}

// The letter: the preview follows the writer's words and points, and the server keeps a draft.
for (const form of all("form[data-draft]")) {
  const { personal } = form.elements;
  const points = () => [...form.querySelectorAll("[name=points]:checked")].map((box) => box.value);
  const state = document.querySelector("[data-draft-state]");
  let version = Number(form.dataset.version), saved, saving = false, timer;
  const preview = (name, text) => {
    const part = document.querySelector(`[data-letter-${name}]`);
    if (part) part.textContent = text && `${text}\n\n`;
  };
  const save = async () => {
    timer = 0;
    const body = { personal: personal.value, points: points() };
    const text = JSON.stringify(body);
    if (saving || text === saved) return;
    saving = true;
    try {
      const answer = await fetch(form.dataset.draft, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ version, ...body }),
        keepalive: true,
      });
      if (answer.ok) {
        version = (await answer.json()).version;
        form.elements.version.value = version;
        saved = text;
        state.textContent = "Saved";
      } else {
        state.textContent =
          answer.status === 409 ? "You have changed this letter on another page. Reload to see it." : "";
      }
    } catch {
      state.textContent = "Not saved yet: there is no connection.";
    }
    saving = false;
  };
  form.addEventListener("input", (event) => {
    if (event.target === personal) preview("personal", personal.value.trim());
    if (event.target.name === "points") preview("points", points().join(" "));
    timer ||= setTimeout(save, 5000);
  });
  addEventListener("visibilitychange", () => document.hidden && save());
}
