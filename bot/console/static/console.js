// Writes moments in the reader's own zone and language; without this they stand there in UTC.
(() => {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const write = (root) => {
    for (const element of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      if (!Number.isNaN(moment.getTime())) {
        element.title = element.dateTime;
        element.textContent = format.format(moment);
      }
    }
  };
  write(document);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node.nodeType === Node.ELEMENT_NODE) write(node);
      }
    }
  }).observe(document.body, { childList: true, subtree: true });
})();
