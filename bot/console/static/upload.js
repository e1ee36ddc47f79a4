// Files can be dropped on a label with a file field in it; what is too large is told before it is sent.
(() => {
  for (const drop of document.querySelectorAll("label.drop")) {
    const input = drop.querySelector("input[type=file]");
    const chosen = drop.querySelector(".chosen");
    const check = () => {
      const files = [...input.files];
      const limit = (name) => Number(drop.dataset[name]);
      const large = files.filter((file) => file.size > limit("maxFileBytes")).map((file) => file.name);
      const all = files.reduce((sum, file) => sum + file.size, 0);
      let wrong = "";
      if (files.length > limit("maxFiles")) wrong = drop.dataset.tooMany;
      else if (large.length || all > limit("maxBytes")) wrong = `${drop.dataset.tooLarge} ${large.join(", ")}`;
      input.setCustomValidity(wrong);
      chosen.textContent = wrong || files.map((file) => file.name).join(", ");
      chosen.classList.toggle("why", Boolean(wrong));
    };
    input.addEventListener("change", check);
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      input.files = event.dataTransfer.files;
      check();
    });
  }
})();
