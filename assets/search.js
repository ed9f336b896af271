// The search page: MiniSearch over `sections.js`, by section, titles first.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector(".book-search input");
  const list = document.querySelector("#search-results");
  const count = document.querySelector("#search-count");
  const root = document.documentElement.dataset.content_root;
  const fields = ["title", "page", "text"];
  const stored = { storeFields: [...fields, "url"] };
  // "4.3", "one-hot" and "log-sum-exp" are one word each, and their parts are too.
  const tokenize = (text) => {
    const words = text.toLowerCase().match(/[\p{L}\p{N}]+(?:[.\-’'][\p{L}\p{N}]+)*/gu);
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

  // The words around the first hit, with all hits marked.
  const snippet = (text, words) => {
    const hit = new RegExp(words.map(escaped).join("|") || "$^", "giu");
    const first = Math.max(0, text.search(hit));
    const from = first < 80 ? 0 : text.indexOf(" ", first - 80) + 1;
    const piece = text.slice(from, from + 220);
    const shown = document.createElement("p");
    shown.append(from ? "… " : "");
    let at = 0;
    for (const match of piece.matchAll(hit)) {
      const mark = document.createElement("mark");
      mark.textContent = match[0];
      shown.append(piece.slice(at, match.index), mark);
      at = match.index + match[0].length;
    }
    shown.append(piece.slice(at), from + 220 < text.length ? " …" : "");
    return shown;
  };
  const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  const show = () => {
    const query = field.value.trim();
    let found = query ? index.search(query, options) : [];
    if (!found.length && query) {
      found = index.search(query, { ...options, combineWith: "OR" });
    }
    const words = tokenize(query);
    list.replaceChildren(...found.slice(0, 30).map(({ title, page, url, text }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const [path, anchor = ""] = url.split("#");
      link.href = `${root}${path}?find=${encodeURIComponent(query)}#${anchor}`;
      link.textContent = title;
      item.append(link);
      if (page !== title) {
        const where = document.createElement("span");
        where.textContent = ` in ${page}`;
        item.append(where);
      }
      item.append(snippet(text, words));
      return item;
    }));
    const places = found.length === 1 ? "1 place" : `${found.length} places`;
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
