// Before anything is read. The fonts are asked for now, so that they are there when the first line is drawn; a page opened from
// disk may not ask, and has them anyway.
if (location.protocol !== "file:") {
  for (const name of ["book", "book-italic", "book-bold"]) {
    const href = new URL(`${name}.woff2`, document.currentScript.src);
    document.head.append(Object.assign(document.createElement("link"), { rel: "preload", as: "font", crossOrigin: "", href }));
  }
}
document.documentElement.classList.remove("no-js");
// Who comes back, or follows a link into the page, is led to a place in it: then no height may be a guess.
if (location.hash || performance.getEntriesByType("navigation")[0]?.type !== "navigate") {
  document.documentElement.classList.add("whole");
}
