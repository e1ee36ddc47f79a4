// Writes moments in the reader's own zone and the page's language; without this they stand there in UTC.
(() => {
  const language = document.documentElement.lang;
  const same = (one) => one.split("-")[0] === language.split("-")[0];
  const format = new Intl.DateTimeFormat(navigator.languages.find(same) ?? language, { dateStyle: "medium", timeStyle: "short" });
  const write = (element) => {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    const text = format.format(moment);
    if (element.textContent === text) return; // so that what is written here ends it
    element.title = element.dateTime;
    element.textContent = text;
  };
  const writeAll = (root) => root.querySelectorAll("time[datetime]").forEach(write);
  writeAll(document);
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      const time = (target.nodeType === Node.TEXT_NODE ? target.parentElement : target)?.closest("time");
      if (time) write(time); // a part that changes by itself has the moment in UTC again
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        if (node.matches("time[datetime]")) write(node);
        writeAll(node);
      }
    }
  }).observe(document.body, { childList: true, characterData: true, subtree: true });
})();
