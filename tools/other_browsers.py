"""Every page in another browser: `python tools/other_browsers.py webkit` (the engine of Safari), or `firefox`.

Is a page wider than its window, is the mathematics typeset, does each alive figure answer its slider? Not a test: the tests drive
Chromium. WebKit: `apt-get install webkit2gtk-driver` and `pip install selenium==4.51.0`; Firefox: `apt-get install firefox-esr`
and `pip install marionette-driver==3.7.1`. Both need a display: `xvfb-run` gives one.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests_web"))
from browser import served  # noqa: E402

SITE = ROOT / "_build" / "html"
WIDTHS = (1366, 480)
QUESTIONS = (ROOT / "tests_web" / "pages.js").read_text(encoding="utf-8") + "return [...tooWide(), ...untypeset()];"
MOVE = """
for (const figure of document.querySelectorAll("loss-figure")) {
  const slider = figure.querySelector("input[type=range]");
  figure.before = figure.textContent;
  if (!slider) continue;
  slider.value = slider.valueAsNumber > (+slider.min + +slider.max) / 2 ? slider.min : slider.max;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}
return document.querySelectorAll("loss-figure").length;
"""
STILL = """
const asked = [...document.querySelectorAll("loss-figure:has(input[type=range])")];
return asked.filter((figure) => figure.textContent === figure.before)
  .map((figure) => `a figure that does not answer: ${figure.before.slice(0, 60)}`);
"""


def webkit():
    """How to go to an address, to ask a question in JavaScript, and to give the window a width."""
    from selenium import webdriver

    options = webdriver.WebKitGTKOptions()
    options.binary_location = next(str(path) for path in Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser"))
    options.add_argument("--automation")
    driver = webdriver.WebKitGTK(options=options)
    return driver.get, driver.execute_script, lambda width: driver.set_window_size(width, 1000), driver.quit


def firefox():
    from marionette_driver.marionette import Marionette

    profile = Path(tempfile.mkdtemp())
    (profile / "user.js").write_text('user_pref("marionette.port", 2828);', encoding="utf-8")
    process = subprocess.Popen(
        ["firefox-esr", "--marionette", "--profile", profile], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    driver = Marionette("127.0.0.1", port=2828)
    driver.raise_for_port(timeout=60)
    driver.start_session()
    return (
        driver.navigate,
        driver.execute_script,
        lambda width: driver.set_window_rect(width=width, height=1000),
        process.terminate,
    )


def complaints(go, ask, address):
    go(address)
    yield from ask(QUESTIONS)
    if ask(MOVE):
        time.sleep(0.5)
        yield from ask(STILL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("browser", choices=["webkit", "firefox"])
    go, ask, resize, close = {"webkit": webkit, "firefox": firefox}[parser.parse_args().browser]()
    found, pages = 0, sorted((SITE / "book").rglob("*.html"))
    try:
        with served(str(SITE)) as home:
            for width in WIDTHS:
                resize(width)
                for page in pages:
                    name = page.relative_to(SITE).as_posix()
                    for complaint in complaints(go, ask, f"{home}/{name}"):
                        found += 1
                        print(f"{name}, {width} pixels: {complaint}")
    finally:
        close()
    print(f"{len(pages)} pages at {len(WIDTHS)} widths: {found} complaints")
    return found > 0


if __name__ == "__main__":
    sys.exit(main())
