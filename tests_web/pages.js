// What test_pages.py asks of an open page. Each function gives a list of complaints, except where it says otherwise.

// Elements of the text that reach beyond the window and are in no box that scrolls.
function tooWide() {
  const root = document.documentElement;
  const scrolls = (element) => /auto|scroll/.test(getComputedStyle(element).overflowX);
  const boxed = (element) => element && element !== document.body && (scrolls(element) || boxed(element.parentElement));
  const right = (element) => Math.round(element.getBoundingClientRect().right);
  const complaints = [...document.querySelectorAll("article *, main *, footer *")]
    .filter((element) => right(element) > root.clientWidth + 1 && element.checkVisibility())
    .filter((element) => !element.closest("svg *, math *") && !boxed(element.parentElement))
    .slice(0, 5)
    .map((element) => `${element.localName} "${element.textContent.trim().slice(0, 40)}" ends at ${right(element)} pixels`);
  if (root.scrollWidth > root.clientWidth) complaints.push(`the page is ${root.scrollWidth} pixels wide`);
  return complaints;
}

function untypeset() {
  const complaints = [];
  const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode()); ) {
    const tex = text.data.match(/\\[([].{0,40}|\$\$|\$\\[a-z].{0,20}|\\(?:frac|mathbb|begin|operatorname)\b.{0,20}/);
    if (tex && !text.parentElement.closest("code, pre, script, style, annotation")) complaints.push(`TeX in the text: ${tex[0]}`);
  }
  for (const math of document.querySelectorAll("math")) {
    const { width, height } = math.getBoundingClientRect();
    if (math.checkVisibility() && !(width > 0 && height > 0)) complaints.push(`no size: ${math.textContent}`);
  }
  for (const error of document.querySelectorAll("merror")) complaints.push(`not typeset: ${error.textContent}`);
  return complaints;
}

function inlineHandlers() {
  const found = document.evaluate("//@*[starts-with(name(), 'on')]", document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
  return Array.from({ length: found.snapshotLength }, (_, i) => `${found.snapshotItem(i).name}="${found.snapshotItem(i).value}"`);
}

// Thousands of elements have nothing that axe-core judges: the inside of a drawing and of a formula, and the words of a listing
// beyond the first of each colour. Without them it is many times faster. (No complaints.)
function thin() {
  for (const svg of document.querySelectorAll(".figure-svg svg")) {
    svg.replaceChildren(...svg.querySelectorAll(":scope > title, :scope > desc"));
  }
  for (const math of document.querySelectorAll("math")) math.textContent = "x";
  const classes = new Set();
  for (const word of document.querySelectorAll(".highlight pre span:not(:has(*))")) {
    if (classes.has(word.className)) word.replaceWith(word.textContent);
    classes.add(word.className);
  }
}

// Marks the first text of each look (ink, paper, size) that is not known, and gives the new looks.
function markNewLooks(known) {
  for (const element of document.querySelectorAll("[data-look]")) delete element.dataset.look;
  const looks = new Set(known);
  const papers = new Map();
  const paper = (element) => {
    if (!element) return "";
    if (!papers.has(element)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
      const own = [backgroundColor, backgroundImage, opacity].join(" ").replace("rgba(0, 0, 0, 0) none 1", "");
      papers.set(element, own + paper(element.parentElement));
    }
    return papers.get(element);
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode()); ) {
    const element = text.parentElement;
    if (!text.data.trim() || element.closest("svg, math, script, style")) continue;
    const { color, fontSize, fontWeight, textDecorationLine } = getComputedStyle(element);
    const around = element.closest("a") ? `${textDecorationLine} in ${getComputedStyle(element.parentElement).color}` : "";
    const look = [color, fontSize, fontWeight, around, paper(element)].join();
    if (looks.has(look) || !element.checkVisibility({ visibilityProperty: true })) continue;
    looks.add(look);
    found.push(look);
    element.dataset.look = "";
  }
  return found;
}

// The violations that axe-core finds, by these rules or by all; colours of marked texts only.
async function axeSays(rules) {
  axe.configure({
    rules: [
      { id: "color-contrast", selector: "[data-look]" },
      { id: "link-in-text-block", selector: "a[href][data-look]" },
    ],
  });
  const options = { resultTypes: ["violations"], preload: false };
  const { violations } = await axe.run(rules ? { ...options, runOnly: rules } : options);
  const examples = (nodes) => nodes.slice(0, 3).map(({ html }) => html.slice(0, 200)).join("\n    ");
  return violations.map(({ id, help, nodes }) => `${id} (${help}), ${nodes.length} times:\n    ${examples(nodes)}`);
}
