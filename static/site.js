// What every page does: folded parts open for printing and for a link that leads into them; what scrolls can be reached by key;
// light and dark; the contents on both sides show the page and the section that are read.
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

// Who jumps over sections must not land where guessed heights lead (lossbook.css): all are laid out before.
addEventListener("click", (event) => {
  if (event.target.closest?.("a[href^='#']")) document.documentElement.classList.add("whole");
}, { capture: true });

// What scrolls can be reached by key. Code is judged by its longest line, as if it stood in the box of an exercise: to ask for its
// width would lay out the whole page.
const room = document.querySelector("article").clientWidth - 64;
for (const code of document.querySelectorAll("article pre")) {
  const longest = Math.max(...code.textContent.split("\n").map((line) => line.length));
  if (longest * 7.8 > room) code.tabIndex = 0;
}
// The width of a table has to be asked for, which lays out its section: when it is near, it is laid out anyway.
const tables = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) if (isIntersecting && target.scrollWidth > target.clientWidth) target.tabIndex = 0;
}, { rootMargin: "50%" });
for (const table of document.querySelectorAll("article .table-wrapper")) tables.observe(table);

// The switch between light, dark and what the system has: the first click changes what is seen.
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const themes = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
for (const button of document.querySelectorAll(".theme-toggle")) {
  button.addEventListener("click", () => {
    document.body.dataset.theme = themes[(themes.indexOf(document.body.dataset.theme) + 1) % 3];
    try {
      localStorage.setItem("theme", document.body.dataset.theme);
    } catch {} // a page opened from disk may have no storage
  });
}

// The contents of this page mark the section that crosses a line near the top. What is observed need not be laid out, as it would
// have to be to ask for its place: that is why this takes the place of Furo's script.
const items = new Map();
for (const link of document.querySelectorAll(".toc-tree a")) {
  const target = link.hash ? document.getElementById(decodeURIComponent(link.hash.slice(1))) : document.querySelector("article");
  const section = target?.closest("section") ?? target?.querySelector("section");
  if (section) items.set(section, link.parentElement);
}
const crossing = new Set();
let [current] = items.keys();
const line = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) crossing[isIntersecting ? "add" : "delete"](target);
  current = [...items.keys()].findLast((section) => crossing.has(section)) ?? current; // the innermost is the last
  for (const [section, item] of items) item.classList.toggle("scroll-current", section === current);
  if (current) bringIntoView(items.get(current), document.querySelector(".toc-scroll"));
}, { rootMargin: "-12% 0px -87% 0px" });
for (const section of items.keys()) line.observe(section);

// On the way up, the button that leads to the top.
let height = scrollY;
addEventListener("scroll", () => {
  document.querySelector("header").classList.toggle("scrolled", scrollY > 0);
  if (scrollY !== height) document.documentElement.classList.toggle("show-back-to-top", scrollY > 64 && scrollY < height);
  height = scrollY;
}, { passive: true });

function bringIntoView(item, box) {
  if (!item || !box) return;
  const inside = item.getBoundingClientRect(), outside = box.getBoundingClientRect();
  if (inside.top < outside.top || inside.bottom > outside.bottom) box.scrollTop += inside.top - outside.top - box.clientHeight / 2;
}
// The contents of the book show the page that is read, when it has been painted: browsers take the first scrolling for the end of
// loading. On a phone they do so when they are opened.
const book = document.querySelector(".sidebar-scroll");
const showPage = () => bringIntoView(document.querySelector(".sidebar-tree .current-page > a"), book);
addEventListener("load", () => requestAnimationFrame(() => setTimeout(() => book.getBoundingClientRect().right > 0 && showPage())));
document.getElementById("__navigation").addEventListener("change", showPage);
