"use strict";
// Sorts and filters the table of results, and lets the keyboard into tables that are wider than the screen. Without it the page says the same, in the order of the requirements.
(() => {
  for (const each of document.querySelectorAll("table, pre")) {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0; // so that the keyboard can move it sideways
  }
  const table = document.getElementById("results-table");
  const controls = document.getElementById("controls");
  if (!table || !controls) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);

  const labelled = (text, field) => {
    const both = document.createElement("div");
    const label = document.createElement("label");
    field.id = `filter-${text.toLowerCase()}`;
    label.htmlFor = field.id;
    label.textContent = text;
    both.append(label, field);
    return both;
  };
  const words = document.createElement("input");
  words.type = "search";
  words.placeholder = "id or words of a requirement";
  const verdict = document.createElement("select");
  const verdicts = new Map(rows.map((row) => [row.dataset.verdict, row.cells[1].querySelector(".badge").textContent.trim()]));
  verdict.append(new Option("all verdicts", ""), ...Array.from(verdicts, ([name, text]) => new Option(text, name)));
  const shown = document.createElement("output");
  shown.setAttribute("aria-live", "polite");
  controls.append(labelled("Filter", words), labelled("Verdict", verdict), shown);
  controls.hidden = false;

  const filter = () => {
    const wanted = words.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const fits = (!verdict.value || row.dataset.verdict === verdict.value)
        && (!wanted || row.cells[0].textContent.toLowerCase().includes(wanted));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} shown`;
  };
  words.addEventListener("input", filter);
  verdict.addEventListener("change", filter);
  filter();

  const key = (row, column, kind) => {
    const cell = row.cells[column];
    if (kind === "text") return cell.textContent.trim();
    return cell.dataset.key === undefined || cell.dataset.key === "" ? null : Number(cell.dataset.key);
  };
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const kind = head.dataset.sort;
    if (!kind) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    const picture = head.querySelector("svg");
    button.textContent = picture ? "By distance to the limit" : head.textContent.trim();
    if (!picture) head.textContent = "";
    head.prepend(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      rows.sort((one, other) => {
        const a = key(one, column, kind);
        const b = key(other, column, kind);
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (kind === "text" ? a.localeCompare(b, undefined, { numeric: true }) : a - b);
      });
      body.append(...rows);
    });
  });
})();
