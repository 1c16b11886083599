"use strict";
(function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const places = [];

  function ink(printing) {
    if (printing) return "#222";
    return getComputedStyle(document.body).color;
  }

  function draw() {
    const held = document.getElementById("figures");
    if (!held) return;
    if (typeof Plotly === "undefined") {
      for (const figure of document.querySelectorAll(".figure")) {
        figure.textContent = "plotly.min.js is missing, three folders above this page.";
      }
      return;
    }
    const options = {responsive: true, displaylogo: false};
    for (const [place, figure] of Object.entries(JSON.parse(held.textContent))) {
      figure.layout.font = {color: ink(false), family: "system-ui, sans-serif"};
      Plotly.newPlot(place, figure.data, figure.layout, options);
      places.push(place);
    }
  }

  function recolour(printing) {
    for (const place of places) Plotly.relayout(place, {"font.color": ink(printing)});
  }

  // Figures are as wide as the window; on paper, as wide as the sheet.
  function print(begins) {
    for (const place of places) {
      const paper = {width: 680, "font.size": 9};
      const size = begins ? paper : {autosize: true, width: null, "font.size": 12};
      Plotly.relayout(place, {...size, "font.color": ink(begins)});
    }
    for (const folded of document.querySelectorAll("details:not(.film)")) {
      if (begins && !folded.open) folded.dataset.wasClosed = folded.open = true;
      else if (!begins && folded.dataset.wasClosed) folded.open = false;
    }
  }

  function valueOf(row, column) {
    const text = row.cells[column].innerText.trim();
    const digits = text.replace(/^<\s*/, "").replace(/,(?=\d{3})/g, "");
    const number = parseFloat(digits);
    return Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    const numbers = typeof a === "number" && typeof b === "number";
    if (numbers) return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a.localeCompare(b);
  }

  // Numbers from high to low first; rows of a group stay together.
  function sort(table, column) {
    const head = table.tHead.rows[0].cells[column];
    const falls = head.getAttribute("aria-sort") !== "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falls ? "descending" : "ascending");
    for (const body of table.tBodies) {
      const rows = Array.from(body.rows);
      const isKnown = (row) => valueOf(row, column) !== "-";
      const known = rows.filter(isKnown);
      known.sort((a, b) => compare(valueOf(a, column), valueOf(b, column)));
      if (falls) known.reverse();
      body.append(...known, ...rows.filter((row) => !isKnown(row)));
    }
  }

  function makeSortable(table) {
    for (const head of table.tHead.rows[0].cells) {
      head.tabIndex = 0;
      head.title = "sort";
      head.addEventListener("click", () => sort(table, head.cellIndex));
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter") sort(table, head.cellIndex);
      });
    }
  }

  // A film that has not been drawn is not looked for before somebody asks.
  function loadWhenOpened(film) {
    film.addEventListener("toggle", () => {
      const video = film.querySelector("video");
      const sayWhy = () => video.replaceWith("Not drawn yet. To do so:");
      if (!video || video.src) return;
      video.addEventListener("error", sayWhy);
      video.src = video.dataset.film;
    });
  }

  // A page is told by its address from which comparison it was opened.
  function leadUp() {
    const from = /^#from=([\w.=+-]+)$/.exec(decodeURIComponent(location.hash));
    if (!from) return;
    const link = document.querySelector("nav .up");
    link.href = `../${from[1]}/comparison.html`;
    link.hidden = false;
  }

  draw();
  leadUp();
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".film").forEach(loadWhenOpened);
  dark.addEventListener("change", () => recolour(false));
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
})();
