// The search page. Sphinx looks for pages that hold all the words and orders them by whether a title has one. Before those come
// the places that are called what was asked: losses by any of their names, symptoms, terms, sections. (The configuration value
// html_search_scorer puts this into language_data.js, which only the search page loads, after searchtools.js.)
var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2, // as Sphinx has them
};

if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false; // a page from a disk may not read another

(() => {
  "use strict";
  const stemmer = new Stemmer();
  const filler = new Set(["loss", "function", "my", "why", "how", "what", "do", "does"]);
  // The stems of a phrase without what says nothing here, unless nothing else is asked.
  const stems = (text) => {
    const all = splitQuery(text.toLowerCase().replaceAll("_", " ")).filter((word) => !stopwords.includes(word));
    const telling = all.filter((word) => !filler.has(word));
    return new Set((telling.length ? telling : all).map((word) => stemmer.stemWord(word)));
  };

  // How much of a name was asked for, from 0 to 1; 0 if it lacks one of the words.
  const share = (wanted, name) => {
    const held = [...stems(name)];
    const fits = (word) => held.includes(word) || (word.length > 3 && held.some((stem) => stem.startsWith(word)));
    return wanted.size && [...wanted].every(fits) ? wanted.size / Math.max(held.length, wanted.size) : 0;
  };

  const places = (query) => {
    const { docnames, filenames, titles, alltitles, indexentries } = Search._index;
    const wanted = stems(query), exact = query.toLowerCase().trim(), headings = {}, found = new Map();
    const add = (file, anchor, name, bonus) => {
      const part = share(wanted, name);
      const score = part && 100 * part + bonus + (name.toLowerCase() === exact ? 20 : 0);
      const key = `${file}#${anchor ?? ""}`;
      if (score > (found.get(key)?.score ?? 0)) found.set(key, { file, anchor, name, score });
    };
    for (const [title, where] of Object.entries(alltitles))
      for (const [file, anchor] of where) {
        headings[`${file}#${anchor ?? ""}`] = title;
        add(file, anchor, title, titles[file] === title ? 5 : 0);
      }
    for (const [name, where] of Object.entries(indexentries))
      for (const [file, anchor, main] of where)
        if (main) add(file, anchor, name, /^book\/(atlas|museum)\//.test(docnames[file]) ? 10 : 2);
    return [...found.values()].sort((a, b) => b.score - a.score).map(({ file, anchor, name, score }) => {
      const heading = headings[`${file}#${anchor ?? ""}`] ?? name;
      const title = heading === titles[file] ? heading : `${titles[file]} > ${heading}`;
      const asked = heading.toLowerCase() === name.toLowerCase() ? null : name;
      return [docnames[file], title, anchor ? `#${anchor}` : "", asked, score, filenames[file]];
    });
  };

  const bySphinx = Search._performSearch;
  Search._performSearch = (query, ...terms) => {
    const named = places(query).slice(0, 12), taken = new Set(named.map(([page, , anchor]) => page + anchor));
    const others = bySphinx(query, ...terms).filter(([page, , anchor]) => !taken.has(page + anchor));
    return [...others.slice(-20), ...named.reverse()]; // the last one is shown first
  };

  // Beside a result stand words, not the TeX that a formula carries along. A page is parsed once for all results on it.
  const parsed = new Map();
  Search.htmlToText = (html, anchor) => {
    if (!parsed.has(html)) {
      const light = html.replace(/<(svg|script|style|annotation)\b[^]*?<\/\1>/g, ""); // drawings are most of a page
      const page = new DOMParser().parseFromString(light, "text/html");
      page.querySelectorAll(".headerlink").forEach((element) => element.remove());
      parsed.set(html, page);
    }
    const page = parsed.get(html), place = anchor ? page.getElementById(anchor.slice(1)) : null;
    const words = place?.matches("dt") ? place.nextElementSibling : place ?? page.querySelector('[role="main"]');
    return words?.textContent.replace(/\s+/g, " ") ?? "";
  };
})();
