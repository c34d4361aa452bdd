"""Mathematics in a real browser: formulas are MathML with a size, in the font of the site; a long one scrolls in its own box."""

PAGE = "book/05_the_gradient.html"
KINDS = [
    "div.equation math[display=block]",
    "math[display=inline]",
    "mfrac",
    "munderover",
    "mover[accent=true]",
    "mtable",
    "msup",
]


def test_formulas_are_drawn_and_grow_with_what_they_hold(page_of):
    page = page_of(PAGE)
    sizes = "all => all.map(element => [element.getBoundingClientRect().width, element.getBoundingClientRect().height])"
    for kind in KINDS:
        boxes = page.locator(f"{kind}:not(.previews *)").evaluate_all(sizes)  # those wait for a pointer
        assert boxes and all(width > 0 and height > 0 for width, height in boxes), kind
    heights = "element => [element, ...element.children].map(part => part.getBoundingClientRect().height)"
    fraction, above, below = page.locator("div.equation mfrac").first.evaluate(heights)
    assert fraction > max(above, below)
    brackets = [height for _, height in page.locator("div.equation mo", has_text="(").evaluate_all(sizes)]
    assert max(brackets) > 1.5 * min(brackets)


def test_every_letter_is_of_the_font_of_the_site(page_of):
    page = page_of(PAGE)
    page.evaluate("document.fonts.ready.then(() => true)")
    tools = page.context.new_cdp_session(page)
    tools.send("DOM.enable")
    tools.send("CSS.enable")
    root = tools.send("DOM.getDocument")["root"]["nodeId"]
    letters = tools.send("DOM.querySelectorAll", {"nodeId": root, "selector": "math :is(mi, mo, mn, mtext)"})["nodeIds"]
    fonts = [font for node in letters[:500] for font in tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]]
    assert {(font["familyName"], font["isCustomFont"]) for font in fonts} == {("STIX Two Math", True)}


def test_long_formula_scrolls_in_its_box_on_a_phone(page_of):
    page = page_of("book/12_quantiles.html", width=390)
    boxes = page.locator("div.formula").evaluate_all(
        "all => all.map(box => { box.scrollLeft = 40; return [box.scrollWidth > box.clientWidth, box.scrollLeft, box.tabIndex] })"
    )
    assert any(wide for wide, _, _ in boxes)
    assert all(scrolled > 0 and tab == 0 for wide, scrolled, tab in boxes if wide)


def test_nothing_stands_between_a_root_and_what_follows(page_of):
    """A browser makes room for the widest sign that the font has, so all are as wide as the common one."""
    page = page_of("book/10_the_shape_of_a_loss.html")
    gaps = page.evaluate("""() => [...document.querySelectorAll("article msqrt.low")].map((root) => {
        const end = Math.max(...[...root.children].map((child) => child.getBoundingClientRect().right));
        return (root.getBoundingClientRect().right - end) / parseFloat(getComputedStyle(root).fontSize);
    })""")
    assert len(gaps) > 5
    assert max(gaps) < 0.1
