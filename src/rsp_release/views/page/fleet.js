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
    try {
      history.replaceState(null, "", String(state) ? `#${state}` : location.pathname + location.search);
    } catch {
      // A page within another has no address of its own.
    }
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
  // As views/fleet_plots.py draws it.
  const TOP = 8, LEFT = 42, WIDTH = 288, HEIGHT = 128, LOW = 60, HIGH = 366 * 86400;
  const round = (value) => Math.floor(value + 0.5);
  const span = (s) => {
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${round(s / 60)} min`;
    const [unit, name] = s < 48 * 3600 ? [3600, "h"] : [86400, "d"];
    return `${(round(10 * s / unit) / 10).toFixed(1)} ${name}`;
  };
  const place = (s) => {
    const share = Math.log(Math.min(Math.max(s, LOW), HIGH) / LOW) / Math.log(HIGH / LOW);
    return (TOP + HEIGHT * (1 - share)).toFixed(1);
  };
  const write = (row, texts) => texts.forEach((text, at) => { row.cells[at + 1].textContent = text; });

  const drawStage = (figure, marks, rows, values) => {
    const total = values.at(-1);
    figure.querySelector("p").textContent = total
      ? `median ${span(total[1])}, 90% within ${span(total[2])}; ${total[0]} ${figure.dataset.noun}`
      : "nothing was measured";
    marks.forEach((mark, month) => {
      const value = values[month], x = LEFT + (month + 0.5) * WIDTH / 12;
      mark.toggleAttribute("hidden", !value);
      write(rows[month], value ? [value[0], span(value[1]), span(value[2])] : [0, "", ""]);
      if (!value) return;
      const median = place(value[1]), most = place(value[2]);
      mark.firstChild.setAttribute("d", `M${x} ${median}V${most}M${x - 4} ${most}h8`);
      mark.lastChild.setAttribute("cy", median);
    });
  };

  const drawOutcomes = (figure, marks, rows, values) => {
    const sum = (counts) => counts.reduce((all, count) => all + count, 0);
    const highest = Math.max(1, ...values.map(sum));
    [...figure.querySelector("p").children].forEach((shown, at) => {
      const count = sum(values.map((counts) => counts[at]));
      shown.hidden = !count;
      shown.children[1].textContent = count;
    });
    figure.querySelectorAll("text")[1].textContent = highest;
    marks.forEach((mark, month) => {
      let below = 0;
      values[month].forEach((count, at) => {
        below += count;
        const bar = mark.children[at];
        bar.setAttribute("y", (TOP + HEIGHT * (1 - below / highest)).toFixed(1));
        bar.setAttribute("height", (HEIGHT * count / highest).toFixed(1));
      });
      write(rows[month], values[month]);
    });
  };

  const data = JSON.parse($("data").textContent);
  const choice = $("application");
  const draw = () => {
    const told = choice.value ? data.applications[choice.value] : data.all;
    for (const figure of document.querySelectorAll("figure")) {
      const stage = figure.dataset.stage;
      const marks = [...figure.querySelectorAll("g")], rows = [...figure.querySelector("tbody").rows];
      (stage === "outcomes" ? drawOutcomes : drawStage)(figure, marks, rows, told[stage]);
    }
  };
  $("choice").hidden = false;
  choice.addEventListener("change", draw);

  // What is folded up cannot be read on paper.
  const folded = () => document.querySelectorAll("details:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = [...folded()]; for (const each of opened) each.open = true; });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
})();
