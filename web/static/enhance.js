// Makes pages nicer: every page works without it.
const all = (selector) => document.querySelectorAll(selector);

// A form just sent is not sent again, until 'Back' shows the page as it was.
for (const form of all("form")) {
  let sent = 0;
  form.addEventListener("submit", (event) => {
    if (form.method !== "post") return;
    if (Date.now() - sent < 8000) event.preventDefault();
    else sent = Date.now();
  });
  addEventListener("pageshow", () => (sent = 0));
}

for (const button of all("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.lastChild;
    label.textContent = "Copied";
    setTimeout(() => (label.textContent = "Copy link"), 4000);
  });
}
for (const button of all("[data-share]")) {
  if (!navigator.share) continue;
  button.parentElement.hidden = false;
  const { share: url, text } = button.dataset;
  button.addEventListener("click", () => navigator.share({ url, text }).catch(() => {}));
}

// The MP of a postcode replaces the hint, so that nothing moves.
for (const line of all("[data-postcode-line]")) {
  const field = line.closest("form").elements.postcode, hint = line.textContent;
  let timer, asked;
  const say = (text) => {
    line.textContent = text || hint;
    line.className = text && "found";
  };
  const show = async () => {
    const postcode = field.value.replace(/\s/g, "").toUpperCase();
    if (postcode === asked) return;
    asked = postcode;
    say("");
    if (!/^[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}$/.test(postcode)) return;
    try {
      const answer = await fetch(`/v1/postcodes/${postcode}`);
      const { member, constituency } = answer.ok ? await answer.json() : {};
      if (postcode !== asked || !constituency) return;
      say(member ? `${member.name} is your MP.` : `${constituency.name} has no MP at the moment.`);
    } catch {}
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 400);
  });
  if (field.value) show();
}

// The letter: the server keeps a draft, and the preview and the meter follow it.
for (const form of all("form[data-draft]")) {
  const { personal, version } = form.elements;
  const state = document.querySelector("[data-draft-state]");
  const points = () => [...form.querySelectorAll("[name=points]:checked")].map((box) => box.value);
  const typed = () => ({ personal: personal.value, points: points() });
  let read = Number(form.dataset.version), saved = JSON.stringify(typed()), busy = false, timer;
  const refresh = async () => {
    const html = await (await fetch(location.pathname)).text();
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const part of all("[data-fresh]"))
      part.replaceChildren(...fresh.getElementById(part.id).childNodes);
  };
  const save = async () => {
    timer = 0;
    const body = typed(), text = JSON.stringify(body);
    if (busy || text === saved) return;
    busy = true;
    try {
      const answer = await fetch(form.dataset.draft, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ version: read, ...body }),
        keepalive: true,
      });
      if (answer.ok) {
        version.value = read = (await answer.json()).version;
        saved = text;
        state.textContent = "Saved";
        await refresh();
      } else if (answer.status === 409)
        state.textContent = "You changed this letter in another tab. Reload to see both.";
    } catch {
      state.textContent = "Not saved yet: there’s no connection.";
    }
    busy = false;
    if (JSON.stringify(typed()) !== saved) timer ||= setTimeout(save, 5000);
  };
  form.addEventListener("input", (event) => {
    clearTimeout(event.target.name === "points" ? timer : 0);
    timer = event.target.name === "points" ? setTimeout(save, 300) : timer || setTimeout(save, 5000);
  });
  addEventListener("visibilitychange", () => document.hidden && save());
}
