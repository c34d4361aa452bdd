// The reader's choice of light or dark, before anything is drawn; a page opened from disk may have no storage.
try {
  document.body.dataset.theme = localStorage.getItem("theme") || "auto";
} catch {
  document.body.dataset.theme = "auto";
}
