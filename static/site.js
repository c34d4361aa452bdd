// Small things: folded parts open for printing and for a link that leads into them; what scrolls can be reached by key; the
// contents beside the text show the page that is read.
const folds = document.querySelectorAll("article details:not([open])");
addEventListener("beforeprint", () => {
  for (const fold of folds) {
    fold.dataset.open = fold.open;
    fold.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const fold of folds) fold.open = fold.dataset.open === "true";
});

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const inside = target?.closest("details:not([open])");
  if (!inside) return;
  for (let fold = inside; fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();

// What scrolls can be reached by key. Code is judged by its longest line, as if it stood in the box of an exercise: to ask for its
// width would lay out the whole page.
const room = document.querySelector("article").clientWidth - 64;
for (const code of document.querySelectorAll("article pre")) {
  const longest = Math.max(...code.textContent.split("\n").map((line) => line.length));
  if (longest * 7.8 > room) code.tabIndex = 0;
}
const tables = new IntersectionObserver((seen) => {
  for (const { target } of seen) if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
});
for (const table of document.querySelectorAll("article .table-wrapper")) tables.observe(table);

addEventListener("load", () => {
  const current = document.querySelector(".sidebar-tree .current-page > a");
  const box = document.querySelector(".sidebar-scroll");
  if (!current || !box) return;
  const below = current.getBoundingClientRect().bottom - box.getBoundingClientRect().bottom;
  if (below > 0) box.scrollTop += below + box.clientHeight / 2;
});
