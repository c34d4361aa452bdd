# lossbook: every target sets up what it needs. `make book` and `make test` are the two that matter.
#
#   make book                      build the book into _build/html
#   make test                      everything that continuous integration runs, but for test-web and twins
#   make test-web                  the built site in a browser (Debian's chromium, or the one that PLAYWRIGHT_CHROMIUM names)
#   make pdf                       the whole book as _build/lossbook.pdf, printed by the same browser
#   make twins                     compare with larger libraries as well (installs 700 MB)
#   make bench                     time and memory of the fused losses beside others; quickly: ONLY=nt_xent SIZES=small
#   make run NB=book/01_name.ipynb execute one notebook in place and refresh the numbers in its prose
#
# Overridable: PYTHON (which interpreter makes .venv), INSTALL (what installs into it, see README), JOBS, OMP_NUM_THREADS.

PYTHON  ?= python3
JOBS    ?= 2
PORT    ?= 8000
VENV    := .venv
BIN     := $(VENV)/bin
INSTALL ?= $(BIN)/python -m pip install --quiet
READY   := $(VENV)/.ready
HTML    := _build/html
COLUMN  := 78# characters of code fit the page without scrolling; tools/run_notebook.py formats to it
# Only the plugins that are named: what others would import takes seconds in every process.
PYTEST  := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/python -m pytest -p xdist.plugin

# One thread: the stored outputs were made with one, and two workers do not fight over two cores.
export OMP_NUM_THREADS ?= 1
# The virtual environment's programs come first, also for the ones that notebooks start.
export PATH := $(CURDIR)/$(BIN):$(PATH)

SAY = @printf '\n== %s\n'

.DEFAULT_GOAL := help
.PHONY: help setup book test tests lint rules unit notebooks html site test-web pdf twins bench serve run picture lab clean

help:
	@awk '!/^#/ { exit } { sub(/^# ?/, ""); print }' Makefile

# ---- set-up: a virtual environment with the pinned set, installed in one go so that no later install can move a pin -------------

$(READY): requirements.txt pyproject.toml
	$(SAY) "set-up: $(VENV) (the first time takes a few minutes)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements.txt
	$(INSTALL) --no-deps -e .
	$(BIN)/python -m pip check
	@touch $@

setup: $(READY)

# ---- the book -------------------------------------------------------------------------------------------------------------------

# From an empty folder, so that no page of a removed chapter stays (what was parsed is kept beside it, and is not parsed again).
# Jupyter Book has exited with 0 having built nothing, so look for the page itself.
html: $(READY)
	$(SAY) "book: HTML from the stored outputs, warnings are errors"
	@rm -rf $(HTML)
	$(BIN)/python tools/make_atlas.py
	$(BIN)/python tools/make_entrances.py
	$(BIN)/python tools/build_book.py build . -W -n --keep-going -q
	@test -f $(HTML)/index.html || { echo "no $(HTML)/index.html: the book was not built"; exit 1; }

book: html
	@printf '\nThe book is built: open %s/%s/index.html, or type `make serve`.\n' "$(CURDIR)" "$(HTML)"

# ---- the tests, cheapest first --------------------------------------------------------------------------------------------------

# The book is built by one process, beside the tests that two share.
test:
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory -j 2 tests site
	@printf '\nAll tests passed. The book is in %s/%s.\n' "$(CURDIR)" "$(HTML)"

tests:
	@$(MAKE) --no-print-directory -j 1 rules unit notebooks

lint: $(READY)
	$(SAY) "lint: ruff"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ruff format --check --line-length $(COLUMN) book/*.ipynb book/*/*.ipynb

rules: $(READY)
	$(SAY) "rules: what every notebook and the README must keep"
	$(PYTEST) -q tests/test_book.py tests/test_readme.py

unit: $(READY)
	$(SAY) "unit tests and doctests"
	$(PYTEST) -q -n $(JOBS) --dist worksteal --doctest-modules lossbook tests \
	  --ignore tests/test_book.py --ignore tests/test_readme.py --ignore tests/test_site.py

notebooks: $(READY)
	$(SAY) "notebooks: run each one again and compare every output with the stored one"
	$(PYTEST) -q -n $(JOBS) --dist loadfile -p tools.warm_kernels -p nbval.plugin -p book._ext.verified --nbval --nbval-current-env book

site: html
	$(SAY) "site: links, anchors, citations; nothing from another host"
	$(PYTEST) -q tests/test_site.py

# ---- a browser ------------------------------------------------------------------------------------------------------------------

# The site that `make book` or `make test` left is tested and printed; only where there is none, it is built.
WEB := $(VENV)/.ready-web

$(WEB): requirements-web.txt $(READY)
	$(SAY) "set-up: what drives a browser"
	$(INSTALL) -r requirements.txt -r requirements-web.txt
	@touch $@

$(HTML)/index.html:
	@$(MAKE) --no-print-directory html

test-web: $(WEB) $(HTML)/index.html
	$(SAY) "web: every page and every figure in a browser"
	$(PYTEST) -q -n $(JOBS) --dist worksteal tests_web

pdf: $(WEB) $(HTML)/index.html
	$(SAY) "pdf: the whole book"
	$(BIN)/python tools/make_pdf.py

# ---- the rest -------------------------------------------------------------------------------------------------------------------

# Larger libraries that have some of the same losses: installed only for this.
twins: $(READY)
	$(SAY) "twins: the same losses in JAX and in other torch libraries"
	$(INSTALL) -r requirements.txt -r requirements-twins.txt
	$(PYTEST) -q tests/test_cards.py -k test_twin

# The libraries to compare with have an environment of their own, laid over the one of the book, whose pins they cannot move.
BENCH := $(VENV)-bench
PURELIB := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'

$(BENCH)/.ready: requirements-bench.txt $(READY)
	$(SAY) "set-up: $(BENCH), the libraries to compare with"
	$(BIN)/python -m venv $(BENCH)
	@echo '*' > $(BENCH)/.gitignore
	$(BIN)/python $(PURELIB) > "$$($(BENCH)/bin/python $(PURELIB))/book.pth"
	$(subst $(VENV)/,$(BENCH)/,$(INSTALL)) --no-deps -r requirements-bench.txt
	@touch $@

bench: $(BENCH)/.ready
	$(SAY) "bench: the fused losses and the alternatives, side by side (about an hour for all)"
	$(BENCH)/bin/python -m bench $(if $(ONLY),--only "$(ONLY)") $(if $(SIZES),--sizes "$(SIZES)") $(BENCHFLAGS)

serve: book
	$(BIN)/python -m http.server --bind localhost --directory $(HTML) $(PORT)

run: $(READY)
	@test -n "$(NB)" || { echo 'which notebook? make run NB=book/01_name.ipynb'; exit 1; }
	$(BIN)/python tools/run_notebook.py $(NB)

picture: $(READY)
	$(BIN)/python tools/readme_picture.py
	$(BIN)/python tools/social_card.py

lab: $(READY)
	$(BIN)/jupyter lab --notebook-dir=.

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	@echo 'Clean. The virtual environment is still there: rm -rf $(VENV) removes it too.'
