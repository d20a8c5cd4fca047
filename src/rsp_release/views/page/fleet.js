"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const form = $("controls"), query = $("query"), body = $("fleet").tBodies[0];
  const rows = [...body.rows], heads = [...$("fleet").tHead.rows[0].cells];
  const toggles = [...form.querySelectorAll("button")];
  const order = new Intl.Collator("en", { numeric: true });
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const needs = toggles.filter((t) => t.getAttribute("aria-pressed") === "true").map((t) => t.value);
    let shown = 0;
    for (const row of rows) {
      const fits = (!needs.length || needs.includes(row.dataset.need))
        && words.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    $("none").hidden = shown > 0;
    $("status").textContent = `${shown} of ${rows.length} shown`;
    const state = new URLSearchParams();
    if (query.value) state.set("filter", query.value);
    for (const need of needs) state.append("need", need);
    history.replaceState(null, "", String(state) ? `#${state}` : location.pathname + location.search);
  };

  const sort = (head) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const at = heads.indexOf(head), sign = down ? -1 : 1;
    const key = (row) => row.cells[at].dataset.key;
    // What is not known comes last either way.
    rows.sort((a, b) => (key(a) === "") - (key(b) === "")
      || sign * order.compare(key(a), key(b)));
    body.append(...rows);
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  query.addEventListener("input", filter);
  for (const toggle of toggles) {
    toggle.addEventListener("click", () => {
      toggle.setAttribute("aria-pressed", toggle.getAttribute("aria-pressed") !== "true");
      filter();
    });
  }
  for (const head of heads) head.firstElementChild.addEventListener("click", () => sort(head));

  const state = new URLSearchParams(location.hash.slice(1));
  query.value = state.get("filter") ?? "";
  for (const toggle of toggles) {
    toggle.setAttribute("aria-pressed", state.getAll("need").includes(toggle.value));
  }
  filter();
  // What is folded up cannot be read on paper.
  const folded = () => document.querySelectorAll("details:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = [...folded()]; for (const each of opened) each.open = true; });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
})();
