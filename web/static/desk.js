// Keeps figures up to date; without it, the link 'Refresh' does.
const link = document.querySelector("[data-pulse]");
const status = link.nextElementSibling;
const { pulse, at } = link.dataset;
const fields = "input:not([type=hidden]), textarea, select";
let etag, timer, news, failures = 0, heard = at;

// Nobody loses what they type.
const isBusy = () =>
  document.activeElement.matches(fields) ||
  [...document.querySelectorAll(`main :is(${fields})`)].some(
    (one) => "defaultValue" in one && one.value !== one.defaultValue,
  );

const say = (text) => {
  link.textContent = text;
  status.textContent ||= text; // once
};

const clock = () => new Date().toLocaleTimeString("en-GB", { timeStyle: "short" });

const show = ({ figures, changes }) => {
  for (const one of document.querySelectorAll("[data-live]")) {
    const text = figures[one.dataset.live]?.toLocaleString("en-GB");
    if (text && text !== one.textContent) {
      one.textContent = text;
      one.classList.add("fresh");
      setTimeout(() => one.classList.remove("fresh"), 2000);
    }
  }
  news = changes && `${changes} ${changes === 1 ? "change" : "changes"} since ${at}. Show`;
  if (news) say(news);
};

const plan = () => {
  clearTimeout(timer);
  timer = setTimeout(ask, failures < 3 ? 30000 : failures === 3 ? 120000 : 300000);
};

const ask = async () => {
  if (!document.hidden && !isBusy()) {
    try {
      const answer = await fetch(pulse, { headers: etag ? { "If-None-Match": etag } : {} });
      if (answer.status === 200) {
        const found = await answer.json();
        if (isBusy()) return plan();
        etag = answer.headers.get("ETag");
        show(found);
      } else if (answer.status !== 304) throw answer;
      heard = clock();
      if (failures > 2) link.textContent = news || "Refresh";
      failures = 0;
    } catch {
      failures += 1;
      if (failures === 3) say(`No new figures since ${heard}. Refresh`);
    }
  }
  plan();
};
document.addEventListener("visibilitychange", () => document.hidden || ask());
plan();
