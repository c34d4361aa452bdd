"""What the browser tests stand on: a server that sends the policy which the site keeps, a browser, and a page that is watched."""

import contextlib
import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

# The site works under this policy, which a host sends with every page: see "How the pages are made" in CONTRIBUTING.md.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEIGHT = 900
ALLOWED = ("data:", "blob:", "about:")  # made by the page itself


class Handler(SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_):
        """A test says what went wrong; the log of requests would hide it."""


@contextlib.contextmanager
def served(folder):
    """The address under which the folder is served while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def chromium():
    """Where the browser is; Playwright's own would be downloaded from a host that many machines cannot reach."""
    path = os.environ.get("PLAYWRIGHT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None or not os.access(path, os.X_OK):
        raise RuntimeError(
            f"no browser to test with (found {path!r}): `apt-get install chromium`, or set PLAYWRIGHT_CHROMIUM to the path of a "
            "Chromium or Chrome"
        )
    return path


@contextlib.contextmanager
def browser_of(playwright):
    """One headless browser that can look up no name but this machine's."""
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", rules])
    try:
        yield browser
    finally:
        browser.close()


def watch(page, home):
    """The list in which everything appears that a page must not do: errors, violations of the policy, requests to other hosts."""
    complaints = []

    def request(asked):
        if not asked.url.startswith((home, *ALLOWED)):
            complaints.append(f"asks another host: {asked.url}")

    def message(said):
        icon = said.location.get("url", "").endswith("/favicon.ico")  # asked for now and then, though every page names its own
        if said.type == "error" and not icon:
            complaints.append(f"console: {said.text} ({said.location.get('url', '')}:{said.location.get('lineNumber', '')})")

    def failed(asked):
        if asked.failure != "net::ERR_ABORTED":  # the reader went on before it came
            complaints.append(f"could not load {asked.url}: {asked.failure}")

    page.on("request", request)
    page.on("console", message)
    page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    page.on("requestfailed", failed)
    return complaints


def opened(browser, home, path, *, scheme="light", width=1280, touch=False, **options):
    """(page, its complaints): the path below `home`, in a context of its own, so that nothing is remembered from another test."""
    viewport = {"width": width, "height": HEIGHT}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, has_touch=touch, **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints = watch(page, home)
    page.goto(f"{home}/{path}")
    return page, complaints
