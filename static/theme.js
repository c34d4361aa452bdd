// The reader's choice of light or dark, before anything is drawn; a page opened from disk may have no storage.
try {
  document.body.dataset.theme = localStorage.getItem("theme") || "auto";
} catch {
  document.body.dataset.theme = "auto";
}
document.documentElement.classList.remove("no-js");
// Who comes back, or follows a link into the page, is led to a place in it: then no height may be a guess.
if (location.hash || performance.getEntriesByType("navigation")[0]?.type !== "navigate") document.documentElement.classList.add("whole");
