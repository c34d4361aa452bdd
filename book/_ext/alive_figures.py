"""Alive figures: their script and style sheet, which come with the package, are loaded by the pages that show one."""

from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "lossbook/alive"


def publish(app, config):
    config.html_static_path = [*config.html_static_path, *(str(PACKAGE / name) for name in ("alive.css", "alive.js"))]


def load(app, pagename, templatename, context, doctree):
    if "<loss-figure" in context.get("body", ""):
        app.add_css_file("alive.css")
        app.add_js_file("alive.js", loading_method="defer")


def setup(app):
    app.connect("config-inited", publish)
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
