// A citation opens at its page, over the answer; without this the same link is a page of its own.
(() => {
  const sight = (leaf) => (leaf.querySelector(".spot") ?? leaf.querySelector("mark.quoted, mark"))
    ?.scrollIntoView({ block: "center" });

  let dialog;
  const over = () => {
    if (dialog?.isConnected) return dialog;
    dialog = document.createElement("dialog");
    dialog.className = "over";
    const close = document.createElement("button");
    close.className = "close";
    close.textContent = "×";
    close.setAttribute("aria-label", document.documentElement.lang.startsWith("zh") ? "关闭" : "Close");
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.append(close);
    document.body.append(dialog);
    return dialog;
  };

  const open = async (href) => {
    const answer = await fetch(href, { headers: { accept: "text/html" } });
    const leaf = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main.leaf");
    if (!leaf) return location.assign(href); // the login, where the session has ended
    const box = over();
    box.querySelector(".leaf")?.remove();
    leaf.tabIndex = 0; // so that keys scroll it
    box.append(leaf);
    box.setAttribute("aria-label", leaf.querySelector("h1")?.textContent ?? "");
    if (!box.open) box.showModal();
    leaf.focus();
    sight(leaf);
  };

  const turn = (way) => document.querySelector(`.leaf .turn.${way}`)?.click();

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (event.target.closest?.("#document-sum-up")) window.scrollTo({ top: 0, behavior: "smooth" }); // the answer is there
    const link = event.target.closest?.("a");
    if (!link) return;
    const card = link.matches(".words a.cite") && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    const page = card ? card.querySelector("a.open") : link.closest("a.open, dialog.over a.turn");
    if (!page) return;
    if (!card) event.preventDefault(); // of a citation the card is marked, too
    open(page.href);
  });

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, textarea")) return;
    if (!document.querySelector("dialog.over[open], body.alone")) return;
    if (event.key === "ArrowLeft") turn("before");
    if (event.key === "ArrowRight") turn("after");
  });

  document.addEventListener("DOMContentLoaded", () => {
    const alone = document.querySelector("body.alone > .leaf");
    if (alone) sight(alone);
  });
})();
