// Sends a message with Ctrl (or Command) and Enter, and keeps the end in sight while an answer grows.
(() => {
  document.addEventListener("keydown", (event) => {
    const sends = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (sends && event.target instanceof HTMLTextAreaElement && event.target.form) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });
  const root = document.scrollingElement;
  let follows = true;
  addEventListener("scroll", () => {
    follows = root.scrollHeight - root.scrollTop - root.clientHeight < 120;
  }, { passive: true });
  const lists = document.querySelectorAll(".entries");
  if (!lists.length) return;
  const watch = new MutationObserver(() => {
    if (follows) root.scrollTop = root.scrollHeight;
  });
  for (const list of lists) watch.observe(list, { childList: true, subtree: true });
})();
