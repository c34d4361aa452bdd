"""Lighthouse on five chapters: `python tools/lighthouse.py` serves the built site compressed and prints a table of the scores.

Not a test: performance depends on the machine and on what else it does. Lighthouse comes by npx, with Node 18 or later.
"""

import argparse
import functools
import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests_web"))
from browser import POLICY, chromium  # noqa: E402

VERSION = "12.2.3"  # 13 asks for a newer Node
PAGES = ["intro", "04_cross_entropy", "11_robust_regression", "21_sequences", "atlas/families/regression"]
COMPRESSED = (".html", ".css", ".js", ".svg", ".json", ".ipynb")


class Compressing(SimpleHTTPRequestHandler):
    """Sends what a web host would: text compressed, files with a version kept for long, and the policy."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            return self.send_error(404)
        body, packed = path.read_bytes(), path.suffix in COMPRESSED
        if packed:
            body = gzip.compress(body, 6)
        self.send_response(200)
        self.send_header("Content-Type", f"{self.guess_type(str(path))}{'; charset=utf-8' if packed else ''}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=31536000" if "_static" in path.parts else "no-cache")
        self.send_header("Content-Security-Policy", POLICY)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The table is the output."""


def scores(address, preset):
    """The scores of a page, of 100, with two measures; and the audits below 0.9."""
    command = ["npx", "--yes", f"lighthouse@{VERSION}", address, "--quiet", "--output=json"]
    command.append("--chrome-flags=--headless=new --no-sandbox")
    if preset == "desktop":
        command.append("--preset=desktop")
    done = subprocess.run(command, env={**os.environ, "CHROME_PATH": chromium()}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"lighthouse did not finish on {address}:\n{done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    found = {
        name: round(100 * category["score"]) for name, category in report["categories"].items() if category["score"] is not None
    }
    audits = report["audits"]
    found["shift"] = round(audits["cumulative-layout-shift"]["numericValue"], 3)
    found["kB"] = round(audits["total-byte-weight"]["numericValue"] / 1000)
    worst = [
        f"{audit['title']} ({audit['score']})" for audit in audits.values() if audit["score"] is not None and audit["score"] < 0.9
    ]
    return found, worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", default=PAGES, help=f"pages of the book (default: {' '.join(PAGES)})")
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html")
    parser.add_argument("--why", action="store_true", help="name the audits below 0.9")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Compressing, directory=options.site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    columns = ["performance", "accessibility", "best-practices", "seo", "shift", "kB"]
    print(f"{'page':28}{'':9}{''.join(f'{column:>16}' for column in columns)}")
    for page in options.pages:
        for preset in ("desktop", "mobile"):
            found, worst = scores(f"http://127.0.0.1:{server.server_address[1]}/book/{page}.html", preset)
            print(f"{page:28}{preset:9}{''.join(f'{found.get(column)!s:>16}' for column in columns)}", flush=True)
            if options.why:
                print("".join(f"    {audit}\n" for audit in worst), end="")


if __name__ == "__main__":
    main()
