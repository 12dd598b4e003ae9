"use strict";
(() => {
  // Tables: a heading sorts by its column. Cells without a figure come last, either way.
  const figure = (row, column) => {
    const given = row.cells[column].dataset.v;
    if (given === undefined) return row.cells[column].textContent.trim();
    return given === "" ? null : Number(given);
  };
  const order = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });
  const sort = (table, heads, column) => {
    const sign = heads[column].getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [figure(row, column), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * order(a, b);
    });
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, heads, column));
    });
  }

  // Layers: the row of the table that belongs to the column under the pointer.
  for (const section of document.querySelectorAll("section.layers")) {
    const rows = section.querySelectorAll("tbody tr");
    const heads = section.querySelectorAll("thead th");
    const line = section.querySelector(".at");
    const inOrder = [...rows];
    for (const plot of section.querySelectorAll(".plot > svg")) {
      plot.addEventListener("pointermove", (event) => {
        const box = plot.getBoundingClientRect();
        const row = inOrder[Math.floor(((event.clientX - box.left) / box.width) * inOrder.length)];
        if (!row) return;
        line.textContent = [...row.cells]
          .slice(0, -1)
          .map((cell, place) => {
            const text = [...cell.childNodes].map((part) => part.textContent.trim()).join(" ");
            return place < 3 ? text : `${heads[place].textContent} ${text}`;
          })
          .join(" · ");
      });
    }
  }

  // Budgets: the recommendation within other limits, by the rule of the comparison.
  const source = document.getElementById("budget-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const fits = (candidate, limits) =>
    Object.entries(limits).every(
      ([cost, limit]) =>
        limit === null || (candidate.costs[cost] !== null && candidate.costs[cost] <= limit),
    );
  // The first of the ranking that fits; of those that may be as accurate, the lightest.
  const recommend = (candidates, limits) => {
    const first = candidates.find((candidate) => fits(candidate, limits));
    if (!first) return null;
    const good = [first, ...first.may_replace.map((place) => candidates[place])].filter(
      (candidate) => fits(candidate, limits),
    );
    const measured = good.filter((candidate) => candidate.is_measured);
    return (measured.length ? measured : good).reduce((lightest, candidate) => {
      const [time, size] = candidate.weight;
      const [lowTime, lowSize] = lightest.weight;
      return time < lowTime || (time === lowTime && size < lowSize) ? candidate : lightest;
    });
  };
  window.keiryo = { recommend };

  const sliders = [...document.querySelectorAll("#budgets input")];
  const advice = document.getElementById("advice");
  const steps = Object.fromEntries(data.sliders.map((slider) => [slider.cost, slider.steps]));
  const marked = [...document.querySelectorAll("[data-candidate]")];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const update = () => {
    const limits = {};
    for (const slider of sliders) {
      const step = steps[slider.dataset.cost][Number(slider.value)];
      const words = step ? step.words : data.words.no_limit;
      limits[slider.dataset.cost] = step ? step.limit : null;
      slider.setAttribute("aria-valuetext", words);
      slider.nextElementSibling.textContent = words;
    }
    const chosen = recommend(data.candidates, limits);
    const number = data.candidates.indexOf(chosen);
    advice.textContent = chosen
      ? fill(chosen.is_better_than_baseline ? data.words.recommended : data.words.no_better, chosen)
      : data.words.none;
    advice.dataset.candidate = chosen ? chosen.name : "";
    for (const one of marked) {
      const candidate = data.candidates[Number(one.dataset.candidate)];
      const isRow = one.tagName === "TR";
      one.classList.toggle("over", Boolean(candidate) && !fits(candidate, limits));
      if (!isRow || one.dataset.candidate !== String(number))
        one.classList.toggle("recommended", !isRow && one.dataset.candidate === String(number));
      else one.classList.toggle("recommended", one.dataset.trial === chosen.trial);
    }
    for (const chart of document.querySelectorAll("svg[data-cost]")) {
      const limit = limits[chart.dataset.cost];
      const line = chart.querySelector(".limit");
      const [low, high] = [chart.dataset.low, chart.dataset.high].map((end) => Math.log10(Number(end)));
      const place = limit === null || limit === undefined ? NaN : (100 * (Math.log10(limit) - low)) / (high - low);
      const isSeen = place >= 0 && place <= 100;
      line.toggleAttribute("hidden", !isSeen);
      if (isSeen) for (const side of ["x1", "x2"]) line.setAttribute(side, `${place}%`);
    }
  };
  for (const slider of sliders) slider.addEventListener("input", update);
  document.getElementById("budgets-reset").addEventListener("click", () => {
    for (const slider of sliders) slider.value = slider.defaultValue;
    update();
  });
  document.getElementById("budgets").hidden = false;
  update();
})();
