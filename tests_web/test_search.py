"""The search of the book, in a browser: what is asked for comes first, from a server and from a disk."""

import pytest

ASKED = [
    ("MAE", "book/atlas/families/regression.html#absolute-error"),
    ("huber loss", "book/atlas/families/regression.html#huber"),
    ("quantile regression", "book/atlas/families/regression.html#pinball"),
    ("BCEWithLogitsLoss", "book/atlas/families/classification.html#sigmoid-cross-entropy"),
    ("cross entropy", "book/atlas/families/classification.html#softmax-cross-entropy"),
    ("SimCLR", "book/atlas/families/contrastive.html#nt-xent"),
    ("earth mover's distance", "book/atlas/families/transport.html#wasserstein-1d"),
    ("my loss is NaN", "book/museum/index.html#the-loss-is-nan"),
    ("loss does not decrease", "book/museum/index.html#the-loss-is-stuck"),
    ("out of memory", "book/museum/index.html#it-runs-out-of-memory"),
    ("dpo", "book/atlas/families/preference.html#dpo"),
    ("temperature", "book/glossary.html#term-temperature"),
]


def results(page):
    """The addresses of what was found, as the page shows them, once it has found all."""
    page.wait_for_selector(".search-summary:not(:empty)", timeout=30_000)
    return page.eval_on_selector_all("ul.search > li > a", "links => links.map(link => link.getAttribute('href'))")


@pytest.mark.parametrize("words, first", ASKED)
def test_what_is_asked_for_comes_first(page_of, words, first):
    assert results(page_of(f"search.html?q={words}"))[:1] == [first]


def test_nothing_is_found_for_a_word_of_no_language(page_of):
    assert results(page_of("search.html?q=xyzzyplugh")) == []


def test_beside_a_result_stand_words_without_tex(page_of):
    page = page_of("search.html?q=huber")
    results(page)
    page.wait_for_selector("ul.search p.context")
    page.wait_for_load_state("networkidle")
    shown = page.inner_text("#search-results")
    assert "\\" not in shown, shown


def test_the_index_is_loaded_by_the_search_page_alone(page_of):
    asked = []
    page = page_of("book/11_robust_regression.html")
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    assert asked and not any("searchindex" in url or "language_data" in url for url in asked)


def test_from_a_disk(page_of, folder):
    assert results(page_of("search.html?q=huber loss", home=folder.as_uri()))[0].endswith("regression.html#huber")


def test_a_search_begins_on_the_page_of_the_search(page_of):
    page = page_of("search.html")
    page.get_by_label("Words").fill("huber")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=huber")
    page.locator("#search-results li a", has_text="huber").first.wait_for()


# ---- previews ----------------------------------------------------------------------------------------------------------------

CHAPTER = "book/11_robust_regression.html"
LINKS = {
    "citation": "article p a.reference.internal[href*='bibliography.html#']",
    "term": "article a.term",
    "equation": "article p a.reference.internal[href^='#equation-']",
}


@pytest.mark.parametrize("kind", LINKS)
def test_a_preview_is_shown_to_pointer_and_keyboard(page_of, kind):
    page = page_of(CHAPTER)
    link, preview = page.locator(LINKS[kind]).first, page.locator("#preview")
    assert not preview.is_visible()
    link.hover()
    preview.wait_for(state="visible")
    assert preview.locator("math").count() if kind == "equation" else len(preview.inner_text()) > 20
    assert link.get_attribute("aria-describedby") == "preview"
    preview.hover()
    page.wait_for_timeout(400)
    assert preview.is_visible(), "it stays while the pointer is on it"
    page.keyboard.press("Escape")
    assert not preview.is_visible()
    page.mouse.move(0, 0)
    page.keyboard.press("Tab")  # the keyboard, not the pointer, gives the focus
    link.focus()
    preview.wait_for(state="visible")
    page.keyboard.press("Escape")
    assert not preview.is_visible()


def test_an_equation_of_another_page_is_previewed(page_of):
    page = page_of("book/06_where_nans_come_from.html")
    page.locator("article p a.reference.internal[href*='html#equation-']").first.hover()
    page.wait_for_selector("#preview math")


def test_a_definition_is_previewed_with_its_mathematics(page_of):
    page = page_of("book/12_quantiles.html")
    page.locator("article a.term[href$='#term-quantile']").hover()
    page.wait_for_selector("#preview math")
    assert "\\" not in page.evaluate("() => document.querySelector('#preview').innerText")


def test_a_preview_stays_in_the_window_of_a_phone(page_of):
    page = page_of(CHAPTER, width=390)
    for link in page.locator(LINKS["term"]).all()[:5]:
        link.hover()
        box = page.locator("#preview:visible").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        page.keyboard.press("Escape")
