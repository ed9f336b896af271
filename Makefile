# Everything runs in .venv, made from pyproject.toml and constraints.txt by the first
# command that needs it; later calls install nothing.

SUPPORTED := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	if $$name -c '$(SUPPORTED)' 2>/dev/null; then echo $$name; break; fi; done)
BIN := .venv/bin
TORCH := torch==2.13.0 torchvision==0.28.0
NB ?=

.PHONY: help book test run lab serve lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-7s %s\n", $$1, $$2}' Makefile

book: .venv/.book ## render the stored outputs to _build/html/index.html
	$(BIN)/python -m tools.pages
	$(BIN)/jupyter-book build --all -W --keep-going -n -q .
	@echo "Open _build/html/index.html, or run 'make serve'."

test: .venv/.test ## style, the gate, unit tests, every notebook
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.notebooks check
	$(BIN)/python -m pytest --nbval -n logical --dist loadscope --durations 10

run: .venv/.test ## execute the stale notebooks on real data (NB=path: that one, stale or not)
	$(BIN)/python -m tools.notebooks run $(NB)

lab: .venv/.test ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab chapters

serve: _build/html/index.html ## serve the built book on http://localhost:8000
	$(BIN)/python -m http.server -b localhost -d _build/html 8000

lock: ## write constraints.txt anew: the newest versions that pyproject.toml allows
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install -q '.[book,test]' $(TORCH)
	.venv-lock/bin/python -m pip freeze --exclude deep-learning-proved > .venv-lock/all
	sed 's/+cpu$$//' .venv-lock/all > constraints.txt
	rm -rf .venv-lock

clean: ## remove what was built, not .venv
	rm -rf _build build src/*.egg-info .pytest_cache .ruff_cache
	rm -f pages/ledger.md pages/references.md

_build/html/index.html:
	$(MAKE) book

.venv/.book: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' 2>/dev/null || { echo "Python 3.11, 3.12 or" \
		"3.13 is needed, with venv, and '$(PYTHON)' is none. Install one (on Debian and" \
		"Ubuntu also python3-venv), or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(BIN)/python -c 'import pip; $(SUPPORTED)' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[book]'
	@touch $@

.venv/.test: .venv/.book
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[book,test]'
	$(BIN)/python tools/mend_torchvision.py
	@touch $@
