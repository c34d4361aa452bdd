"""Fixtures of the browser tests (`make test-web`): the built site behind a server, and pages of it in a headless browser.

`page_of("book/11_robust_regression.html")` gives a Playwright page. When the test ends, the page must have asked no other host,
kept the Content-Security-Policy and written no error to the console.
"""

from pathlib import Path

import pytest
from browser import browser_of, opened, served
from playwright.sync_api import sync_playwright

SITE = Path(__file__).parents[1] / "_build/html"


def pytest_addoption(parser):
    parser.addoption("--site", default=str(SITE), help="the folder of the built site (default: %(default)s)")


@pytest.fixture(scope="session")
def folder(pytestconfig):
    """The folder of the built site."""
    path = Path(pytestconfig.getoption("--site")).resolve()
    if not (path / "index.html").is_file():
        raise RuntimeError(f"no site in {path}: `make book` builds it")
    return path


@pytest.fixture(scope="session")
def site(folder):
    """The address of the built site."""
    with served(folder) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright, browser_of(playwright) as browser:
        yield browser


@pytest.fixture
def page_of(browser, site):
    """page_of(path, scheme="light" | "dark", width=1280, touch=False, **options of Playwright's new_context): a watched page."""
    visits = []

    def visit(path, **options):
        page, complaints = opened(browser, options.pop("home", site), path, **options)
        visits.append((path, page, complaints))
        return page

    yield visit
    for _, page, _ in visits:
        page.context.close()
    complaints = [f"{path}: {complaint}" for path, _, found in visits for complaint in found]
    assert not complaints, "\n".join(complaints)
