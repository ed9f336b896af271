// The pages' own script: mathematics, cards of equations, tables, the contents' mark.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function setMathematics() {
  for (const element of all(".math")) {
    const display = element.tagName === "DIV";
    setFormula(element, element.textContent, display);
    if (!display) keepPunctuation(element);
  }
}

function setFormula(element, tex, displayMode) {
  katex.render(tex, element, { displayMode, throwOnError: false, strict: "ignore" });
}

// A period or a bracket never stands on another line than its formula.
function keepPunctuation(formula) {
  const bases = all(".katex-base", formula);
  const move = (node, pattern, base, put) => {
    const found = node?.nodeType === Node.TEXT_NODE && node.data.match(pattern);
    if (!found || !base) return;
    const sign = document.createElement("span");
    sign.className = "punctuation";
    sign.textContent = found[0];
    base[put](sign);
    node.data = node.data.replace(pattern, "");
  };
  move(formula.nextSibling, /^[.,;:!?)\]’”%]+/, bases.at(-1), "append");
  move(formula.previousSibling, /[(\[“]$/, bases[0], "prepend");
}

// A formula that doesn't break and is wider than its column scrolls by itself.
function fitFormulas() {
  const formulas = all("span.math");
  const wide = formulas.map((formula) => {
    const column = formula.closest("p, li, td, dd, figcaption, summary, h1, h2, h3");
    return column && all(".katex-base", formula).some((base) =>
      base.getBoundingClientRect().width > column.clientWidth);
  });
  formulas.forEach((formula, i) => formula.classList.toggle("wide", Boolean(wide[i])));
}

// On a narrow page the rows of a wide table become cards.
function fitTables() {
  if (innerWidth > 640) {
    all("table.cards").forEach((table) => table.classList.remove("cards"));
    return;
  }
  const tables = all("article table:not(.cards)");
  const boxes = tables.map((table) => table.parentElement);
  const names = tables.map((table) =>
    all("thead th", table).map((head) => head.textContent.trim()));
  // Tables of one kind look alike: where one is too wide, all become cards.
  const wide = new Set(names.filter((_, i) => boxes[i].scrollWidth > boxes[i].clientWidth + 1
    || [...tables[i].rows].some((row) => row.offsetHeight > 240)).map(String));
  for (const [i, table] of tables.entries()) {
    const heads = names[i];
    if (heads.length < 3 || !wide.has(String(heads))) continue;
    for (const row of all("tbody tr", table)) {
      [...row.cells].forEach((cell, i) => {
        cell.dataset.head = heads[i] ?? "";
        cell.classList.toggle("nothing", /^[–\s]*$/.test(cell.textContent)
          && !cell.querySelector("svg, img"));
      });
    }
    table.classList.add("cards");
  }
}

// Only what really scrolls sideways is a stop of the tab key; the theme counts pixels
// that letters rise above their lines.
function limitTabStops() {
  const boxes = all("pre, .output, div.math, span.math.wide, span.math[tabindex], "
    + ".pst-scrollable-table-container");
  const wide = boxes.map((box) => box.scrollWidth > box.clientWidth);
  boxes.forEach((box, i) => {
    if (wide[i]) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}

// --- the card of an equation, beside the reference that names it ---------------------

function makeCards() {
  const card = document.createElement("div");
  card.id = "card";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  document.body.append(card);
  let shownBy = null;
  let waiting = null;

  const hide = () => {
    clearTimeout(waiting);
    card.hidden = true;
    shownBy?.removeAttribute("aria-describedby");
    shownBy = null;
  };
  const show = (link) => {
    clearTimeout(waiting);
    if (shownBy === link) return;
    hide();
    shownBy = link;
    const { number, tex, grade, proof } = link.dataset;
    const formula = document.createElement("div");
    setFormula(formula, `${tex} \\tag{${number}}`, true);
    const more = document.createElement("p");
    const to = document.createElement("a");
    to.href = link.href;
    to.textContent = `Go to (${number})`;
    more.append(to, ` · ${grade}`);
    if (proof) {
      const shown = document.createElement("a");
      shown.href = proof;
      shown.textContent = "its proof";
      more.append(" · ", shown);
    }
    card.replaceChildren(formula, more);
    card.hidden = false;
    link.setAttribute("aria-describedby", "card");
    const at = link.getBoundingClientRect();
    const own = card.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - own.width / 2),
      document.documentElement.clientWidth - own.width - 8);
    const above = at.bottom + own.height + 8 > innerHeight && at.top > own.height + 8;
    card.style.left = `${left + scrollX}px`;
    card.style.top = `${scrollY + (above ? at.top - own.height - 6 : at.bottom + 6)}px`;
  };
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(hide, 250);
  };

  for (const link of all("a.to-equation")) {
    link.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") show(link);
    });
    link.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") later();
    });
    link.addEventListener("focus", () => {
      if (link.matches(":focus-visible")) show(link);
    });
    link.addEventListener("blur", later);
    // A finger's first touch shows the card, which holds the link.
    let touched = false;
    link.addEventListener("pointerdown", (event) => {
      touched = event.pointerType !== "mouse";
    });
    link.addEventListener("click", (event) => {
      if (touched && shownBy !== link) {
        event.preventDefault();
        show(link);
      } else hide();
    });
  }
  card.addEventListener("pointerenter", () => clearTimeout(waiting));
  card.addEventListener("pointerleave", later);
  card.addEventListener("focusin", () => clearTimeout(waiting));
  card.addEventListener("focusout", later);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!card.contains(event.target) && event.target !== shownBy) hide();
  });
}

// --- where the reader is ---------------------------------------------------------------

function markContents() {
  const links = all("#pst-page-toc-nav a[href^='#']");
  const parts = links.map((link) =>
    document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const mark = () => {
    const passed = parts.map((part) => part?.getBoundingClientRect().top < 180);
    const end = innerHeight + scrollY >= document.body.scrollHeight - 2;
    const here = end && scrollY ? links.length - 1 : passed.lastIndexOf(true);
    links.forEach((link, i) => link.classList.toggle("here", i === here));
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

// A search leads to a section; there the reader lands at the term.
function landAtTerm() {
  if (!new URLSearchParams(location.search).has("find")) return;
  const section = document.getElementById(location.hash.slice(1));
  const words = new URLSearchParams(location.search).get("find")
    .toLowerCase().split(/\s+/).filter((word) => word);
  const walk = document.createTreeWalker(section ?? document.querySelector("article"),
    NodeFilter.SHOW_TEXT);
  let first = null;
  const texts = [];
  while (walk.nextNode()) texts.push(walk.currentNode);
  for (const text of texts) {
    if (text.parentElement.closest(".math, script, style")) continue;
    const at = words.map((word) => [text.data.toLowerCase().indexOf(word), word.length])
      .filter(([place]) => place >= 0).sort(([a], [b]) => a - b)[0];
    if (!at) continue;
    const hit = text.splitText(at[0]);
    hit.splitText(at[1]);
    const mark = document.createElement("mark");
    hit.replaceWith(mark);
    mark.append(hit);
    first ??= mark;
  }
  first?.closest("details")?.setAttribute("open", "");
  first?.scrollIntoView({ block: "center" });
}

// Hint and answer stand behind an exercise's cell; from its head one gets there at once.
function headExercises() {
  for (const exercise of all("section.exercise")) {
    const ways = document.createElement("p");
    ways.className = "ways";
    for (const fold of all("details", exercise)) {
      const summary = fold.querySelector("summary");
      const name = summary.textContent.trim();
      if (name !== "Hint" && name !== "Answer") continue;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        fold.open = true;
        summary.focus({ preventScroll: true });
        summary.scrollIntoView();
      });
      ways.append(button);
    }
    exercise.querySelector("h3").after(ways);
  }
}

// The theme's sidebars are no landmarks.
function nameLandmarks() {
  const names = { "#pst-primary-sidebar": "Book", "#pst-secondary-sidebar": "Page" };
  for (const [selector, name] of Object.entries(names)) {
    const sidebar = document.querySelector(selector);
    sidebar?.setAttribute("role", "complementary");
    sidebar?.setAttribute("aria-label", name);
  }
}

// --- figures that move: each file of moving/ adds one to this table -------------------

window.bookFigures = {};
window.bookDrawing = {
  // An element of a drawing, with its attributes and what stands in it.
  drawn(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  },
  // A sentence that is read out when it changes.
  say(place) {
    const words = document.createElement("p");
    words.setAttribute("role", "status");
    place.append(words);
    return words;
  },
  // A slider; what `show` returns for its value stands beside it.
  slider(place, name, { min, max, step, value }, show) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const output = document.createElement("output");
    Object.assign(input, { type: "range", min, max, step, value });
    label.append(name, input, output);
    place.append(label);
    input.addEventListener("input", () => {
      output.textContent = show(Number(input.value));
    });
    output.textContent = show(value);
  },
  // One of several, as buttons that stay down behind their name; the first is chosen.
  choices(place, title, names, show) {
    const row = document.createElement("div");
    row.className = "options";
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", title);
    const said = document.createElement("span");
    said.textContent = title;
    row.append(said);
    const all = names.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      return button;
    });
    const choose = (chosen) => {
      for (const button of all) button.setAttribute("aria-pressed", button === chosen);
      show(chosen.textContent);
    };
    for (const button of all) button.addEventListener("click", () => choose(button));
    row.append(...all);
    place.append(row);
    choose(all[0]);
  },
  buttons(place, values, act) {
    const row = document.createElement("div");
    row.className = "options";
    for (const [name, value] of Object.entries(values)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => act(value));
      row.append(button);
    }
    place.append(row);
  },
};
function startFigures() {
  for (const place of all(".moving")) {
    const start = window.bookFigures[place.dataset.figure];
    if (!start) continue;
    place.hidden = false;
    const still = place.parentElement.querySelector("img");
    place.setAttribute("role", "group");
    if (still) place.setAttribute("aria-label", still.alt);
    still?.classList.add("still");
    start(place);
  }
}

// --- on paper everything is unfolded, and the answers stand at the end ----------------

function unfoldForPrint() {
  if (document.querySelector("#answers")) return;
  for (const fold of all("article details")) {
    if (!fold.open) fold.dataset.folded = fold.open = true;
  }
  for (const table of all("table.cards")) table.classList.remove("cards");
  const answers = document.createElement("section");
  answers.id = "answers";
  answers.innerHTML = "<h2>Answers</h2>";
  for (const exercise of all("section.exercise")) {
    for (const fold of all("details", exercise)) {
      if (fold.querySelector("summary")?.textContent.trim() !== "Answer") continue;
      const title = document.createElement("h3");
      title.textContent = exercise.querySelector("h3").firstChild.textContent;
      const answer = fold.cloneNode(true);
      answer.querySelector("summary").remove();
      answers.append(title, ...answer.childNodes);
      fold.classList.add("answered-below");
    }
  }
  if (answers.children.length > 1) document.querySelector("article").append(answers);
}

function foldAgain() {
  document.querySelector("#answers")?.remove();
  for (const fold of all("article details[data-folded]")) {
    fold.open = false;
    delete fold.dataset.folded;
  }
  all(".answered-below").forEach((fold) => fold.classList.remove("answered-below"));
  fitTables();
}

document.addEventListener("DOMContentLoaded", () => {
  nameLandmarks();
  setMathematics();
  const fit = () => {
    fitFormulas();
    fitTables();
    limitTabStops();
    document.documentElement.dataset.fitted = innerWidth;
  };
  fit();
  makeCards();
  headExercises();
  markContents();
  startFigures();
  landAtTerm();
  // On a phone the contents lie over the page: whoever has chosen wants to read.
  document.querySelector("#pst-secondary-sidebar-modal")?.addEventListener("click", (tap) => {
    if (tap.target.closest("a[href^='#']")) tap.currentTarget.close();
  });
  document.fonts.ready.then(fit);
  let waiting = null;
  const fitSoon = (delay) => {
    clearTimeout(waiting);
    waiting = setTimeout(fit, delay);
  };
  addEventListener("resize", () => fitSoon(400)); // behind the theme's own pass
  document.addEventListener("toggle", () => fitSoon(20), true); // what is unfolded
  addEventListener("load", () => setTimeout(limitTabStops, 800)); // behind the theme's
  addEventListener("beforeprint", unfoldForPrint);
  addEventListener("afterprint", foldAgain);
});
