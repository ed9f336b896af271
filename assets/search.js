// The search page: MiniSearch over `sections.js`, by section, titles first.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector(".book-search input");
  const list = document.querySelector("#search-results");
  const count = document.querySelector("#search-count");
  const root = document.documentElement.dataset.content_root;
  const fields = ["title", "page", "text", "more"];
  const stored = { storeFields: ["title", "page", "text", "url"] };
  // "4.3", "one-hot" and "log-sum-exp" are one word each, and their parts are too; the
  // commands of formulas are none.
  const tokenize = (text) => {
    const words = text.replace(/\\[a-zA-Z]+/g, " ").toLowerCase()
      .match(/[\p{L}\p{N}]+(?:[.\-’'][\p{L}\p{N}]+)*/gu);
    return (words ?? []).flatMap((word) =>
      /[-’']/.test(word) ? [word, ...word.split(/[-’']/)] : [word]);
  };
  // Plurals and -ed, -ing, -ion are one word for the index.
  const processTerm = (term) => term.replace(/(?<=\p{L}{4})(?:ing|ed|es|s|e)$/u, "");
  const index = new MiniSearch({ fields, ...stored, tokenize, processTerm });
  index.addAll(window.SECTIONS.map((entry, id) => ({ id, ...entry })));
  const options = {
    boost: { title: 6, page: 4 },
    prefix: (term) => term.length > 3,
    fuzzy: (term) => (term.length > 5 && !/\d/.test(term) ? 0.15 : false),
    weights: { prefix: 0.3, fuzzy: 0.1 },
    combineWith: "AND",
    // What explains comes before what lists; a page that lists, before its parts.
    boostDocument: (_, __, { url, title, page }) =>
      /#exercise|^chapters\/17/.test(url) ? 0.8 : /^chapters/.test(url) ? 1.4
        : /^(pages\/glossary|solutions)/.test(url) ? 1 : title === page ? 0.6 : 0.15,
  };
  const ranked = (query) => {
    let found = index.search(query, options);
    if (!found.length) found = index.search(query, { ...options, combineWith: "OR" });
    // Whoever types a term of the glossary sees its definition first or second.
    const stems = (text) => tokenize(text).map(processTerm).join(" ");
    const term = found.findIndex(({ title, url }) => /^pages\/glossary/.test(url)
      && title.split(", ").some((name) => stems(name) === stems(query)));
    if (term > 1) found.splice(1, 0, ...found.splice(term, 1));
    return found;
  };

  const line = (name, ...content) => {
    const words = document.createElement("p");
    words.className = name;
    words.append(...content);
    return words;
  };
  // The words around the first hit, with all hits marked and formulas set.
  const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const snippet = (text, words) => {
    const hit = new RegExp(words.map(escaped).join("|") || "$^", "giu");
    const formula = /\\\((.*?)\\\)/s;
    const tokens = text.match(/(?:\\\(.*?\\\)|\S)+/gs) ?? [];
    const first = tokens.findIndex((token) => token.replace(formula, "").search(hit) >= 0);
    const before = Math.max(0, first - 16);
    const stop = tokens.slice(before, Math.max(0, first))
      .findLastIndex((token) => /[.?!:]$/.test(token));
    const from = before && stop < 0 ? before + 4 : before + stop + 1;
    const to = from + 38;
    const shown = line("snippet", from ? "… " : "");
    // Every other part is a formula.
    tokens.slice(from, to).join(" ").split(formula).forEach((part, i) => {
      if (i % 2) {
        const set = document.createElement("span");
        setFormula(set, part, false);
        shown.append(set);
        return;
      }
      let done = 0;
      for (const match of part.matchAll(hit)) {
        const mark = document.createElement("mark");
        mark.textContent = match[0];
        shown.append(part.slice(done, match.index), mark);
        done = match.index + match[0].length;
      }
      shown.append(part.slice(done));
    });
    shown.append(to < tokens.length ? " …" : "");
    return shown;
  };

  const linked = ({ title, url }, query) => {
    const link = document.createElement("a");
    const [path, anchor = ""] = url.split("#");
    link.href = `${root}${path}?find=${encodeURIComponent(query)}#${anchor}`;
    link.textContent = title;
    return link;
  };
  // A page's best place with the words around it, and behind it its other places.
  const item = ([best, ...others], query) => {
    const shown = document.createElement("li");
    shown.append(linked(best, query));
    if (best.page !== best.title) shown.append(line("where", best.page));
    if (best.text) shown.append(snippet(best.text, tokenize(query)));
    const links = others.slice(0, 5).flatMap((other) => [" · ", linked(other, query)]);
    if (links.length) shown.append(line("also", "Also there: ", ...links.slice(1)));
    return shown;
  };

  const show = () => {
    const query = field.value.trim();
    const found = query ? ranked(query) : [];
    const pages = new Map();
    for (const place of found) {
      pages.set(place.page, [...(pages.get(place.page) ?? []), place]);
    }
    list.replaceChildren(...[...pages.values()].map((places) => item(places, query)));
    const counted = (many, name) => `${many} ${name}${many === 1 ? "" : "s"}`;
    const places = `${counted(found.length, "place")} on ${counted(pages.size, "page")}`;
    count.textContent = query ? `${found.length ? places : "Nothing"} found` : "";
    document.documentElement.dataset.searched = query;
  };

  field.form.addEventListener("submit", (event) => {
    event.preventDefault();
    history.replaceState(null, "", `?q=${encodeURIComponent(field.value)}`);
    show();
  });
  field.addEventListener("input", show);
  field.value = new URLSearchParams(location.search).get("q") ?? "";
  show();
});
