// Previews: what a citation, a term or an equation leads to is shown beside the link under the pointer or the keyboard's focus.
// The words are in the page, so nothing is fetched. Escape closes a preview; it stays while the pointer is on it.
(() => {
  "use strict";
  const card = document.createElement("div");
  card.id = "preview";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  let shown = null, timer = 0;

  // A link with a title keeps it for itself, so that the browser does not show it a second time.
  for (const link of document.querySelectorAll("article a.reference.internal[title]")) {
    link.dataset.preview = link.title;
    link.removeAttribute("title");
  }

  const links = "a[data-preview], article a.term, a[href*='#equation-']:not(.headerlink)";
  const target = (event) => event.target instanceof Element && event.target.closest(links);

  const content = (link) => {
    if (link.dataset.preview) return document.createTextNode(link.dataset.preview);
    const anchor = link.hash.slice(1);
    const brought = document.getElementById(`preview-${anchor}`);
    if (link.matches(".term")) return brought?.firstElementChild?.cloneNode(true);
    const here = link.pathname === location.pathname ? document.getElementById(anchor) : null;
    return (here ?? brought)?.querySelector("math")?.cloneNode(true);
  };

  const hide = () => {
    clearTimeout(timer);
    if (shown) shown.removeAttribute("aria-describedby");
    shown = null;
    card.hidden = true;
  };

  const show = (link) => {
    clearTimeout(timer);
    if (link === shown) return;
    const inside = content(link);
    hide();
    if (!inside) return;
    card.replaceChildren(inside);
    card.hidden = false;
    shown = link;
    link.setAttribute("aria-describedby", card.id);
    // Below the line, or above it where there is no room below; never beyond the edge of the window.
    const line = link.getClientRects()[0], size = card.getBoundingClientRect(), root = document.documentElement;
    const below = line.bottom + size.height < root.clientHeight || line.top < size.height;
    card.style.top = `${scrollY + (below ? line.bottom : line.top - size.height)}px`;
    card.style.left = `${scrollX + Math.max(8, Math.min(line.left, root.clientWidth - size.width - 8))}px`;
  };

  const later = (action, wait) => {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  };

  document.body.append(card);
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const link = target(event);
    if (link) later(() => show(link), 150);
    else if (card.contains(event.target)) clearTimeout(timer);
    else if (shown) later(hide, 250);
    else clearTimeout(timer);
  });
  document.addEventListener("focusin", (event) => {
    const link = target(event);
    if (link && link.matches(":focus-visible")) show(link);
    else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
})();
