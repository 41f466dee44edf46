// What a page needs before and beside Gradio: language, light or dark, a way out, tables that sort, keys, copies, files.
(() => {
  const LANGUAGE = "pilot_language", SHADE = "pilot_shade", YEAR = 31536000;
  const picked = () => (document.cookie.match(/(?:^|; )pilot_language=(en|zh)/) || [])[1];
  const speak = (language) => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.body.dataset.language = language;
  };
  const shade = (dark) => document.body.classList.toggle("dark", dark);

  const start = () => {
    speak(picked() || (navigator.language.startsWith("zh") ? "zh" : "en"));
    const stored = localStorage.getItem(SHADE);
    if (stored) shade(stored === "dark");
    new MutationObserver(() => { save(); listed(); }).observe(document.body, { childList: true, subtree: true });
  };

  // Rows in the order of one column: up, down, then as they came. NULL stands last.
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const sort = (heading) => {
    const table = heading.closest("table"), body = table.tBodies[0], column = heading.cellIndex;
    const rows = [...body.rows];
    rows.forEach((row, index) => { row.dataset.place ??= index; });
    const way = { ascending: "descending", descending: "" }[heading.getAttribute("aria-sort")] ?? "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    if (way) heading.setAttribute("aria-sort", way);
    const number = heading.classList.contains("num"), sign = way === "descending" ? -1 : 1;
    const value = (row) => {
      const cell = row.cells[column];
      if (cell.querySelector(".null")) return null;
      return number ? Number(cell.textContent.replaceAll(",", "")) : cell.textContent;
    };
    const compare = (one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (number ? a - b : order.compare(a, b));
    };
    const placed = (one, other) => one.dataset.place - other.dataset.place;
    rows.sort((one, other) => (way && compare(one, other)) || placed(one, other));
    body.append(...rows);
  };

  const copy = async (button) => {
    const text = button.closest(".statement").querySelector("code").innerText;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no clipboard where the page came over plain HTTP from another machine
      const box = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    button.classList.add("done");
    const label = button.textContent;
    button.textContent = button.title;
    setTimeout(() => { button.textContent = label; button.classList.remove("done"); }, 1500);
  };

  const rerun = (link) => {
    const box = document.querySelector("#database-which textarea, #database-which input");
    box.value = link.id.replace(/^.*again-/, "");
    box.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(() => document.querySelector("#database-rerun").click(), 50); // Gradio takes the value over first
  };

  // A file that was made on request is saved as soon as its link is there.
  let saved = "";
  const save = () => {
    const link = document.querySelector("#database-file a[href]");
    if (link && link.href !== saved) {
      saved = link.href;
      link.click();
    }
  };

  // A list of conversations is one stop of the Tab key: arrows go through it, Enter opens.
  const stop = (entries, one) => entries.forEach((entry) => { entry.tabIndex = entry === one ? 0 : -1; });
  const listed = () => {
    for (const list of document.querySelectorAll(".history")) {
      const entries = [...list.querySelectorAll("input[type=radio]")];
      if (entries.filter((entry) => entry.tabIndex === 0).length !== 1) {
        stop(entries, entries.find((entry) => entry.checked) ?? entries[0]);
      }
    }
  };
  const step = (entry, key) => {
    const entries = [...entry.closest(".history").querySelectorAll("input[type=radio]")], at = entries.indexOf(entry);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[key];
    if (!entries[to]) return;
    stop(entries, entries[to]);
    entries[to].focus();
  };

  const shown = (selector) => [...document.querySelectorAll(selector)].find((found) => found.offsetParent);

  const act = (event) => {
    const on = (selector) => event.target.closest(selector);
    if (on(".rows th")) sort(on(".rows th"));
    else if (on(".copy")) copy(on(".copy"));
    else if (on(".again")) rerun(on(".again"));
    else if (on(".rows td")) on(".rows td").classList.toggle("whole");
    else return false;
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") shown("button.stop")?.click();
    else if (event.target.matches(".history input")) {
      if (event.key === "Enter") event.target.click();
      if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
      event.preventDefault();
      step(event.target, event.key);
    }
    else if ((event.key === "Enter" || event.key === " ") && event.target.matches(".rows th, .copy, .again")) {
      event.preventDefault();
      act(event);
    }
  });

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    const language = on("#language-en") ? "en" : on("#language-zh") ? "zh" : "";
    if (language) {
      document.cookie = `${LANGUAGE}=${language}; path=/; max-age=${YEAR}; samesite=lax`;
      speak(language);
    } else if (on("#shade")) {
      const dark = !document.body.classList.contains("dark");
      shade(dark);
      localStorage.setItem(SHADE, dark ? "dark" : "light");
    } else if (on("#logout")) {
      fetch("/logout", { method: "POST" }).then(() => location.assign("/login"));
    } else if (on("#database-png")) {
      shown('.figure .modebar-btn[data-title*="png" i]')?.click();
    } else if (!getSelection().toString()) act(event);
  }, true); // before Gradio's own handlers: they send the cookie

  document.body ? start() : document.addEventListener("DOMContentLoaded", start);
})();
