# Everything runs in .venv, made from pyproject.toml and constraints.txt by the first
# command that needs it; later calls install nothing.

SUPPORTED := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	if $$name -c '$(SUPPORTED)' 2>/dev/null; then echo $$name; break; fi; done)
BIN := .venv/bin
TORCH := torch==2.13.0 torchvision==0.28.0
NB ?=
# A warning about one of Coquelicot's own coercions is no news.
COQ := -q -w -ambiguous-paths -Q . Proved

.PHONY: help book pdf test proofs run lab serve data bench portable oldest newest handin release lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-8s %s\n", $$1, $$2}' Makefile

book: .venv/.book ## render the stored outputs to _build/html/index.html
	@rm -rf _build/html # no older site is left where a build fails
	$(BIN)/python -m tools.pages
	$(BIN)/jupyter-book build --all -W --keep-going -n -q . || { rm -rf _build/html; exit 1; }
	@echo "Open _build/html/index.html, or run 'make serve'."

test: .venv/.test ## style, the gate, unit tests, every notebook
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.notebooks check
	$(BIN)/python -m pytest --nbval -n logical --dist loadscope --durations 10

# In build/, so that nothing that Coq writes lies among the sources.
proofs: ## check the theorems of proofs/ for all sizes (needs Coq with Coquelicot)
	@test -d "$$(coqc -where 2>/dev/null)/user-contrib/Coquelicot" || { echo "The" \
		"proofs need the proof assistant Coq, with its library Coquelicot. On Debian" \
		"and Ubuntu: apt-get install coq libcoq-coquelicot; elsewhere, with opam:" \
		"opam install coq.8.16.1 coq-coquelicot"; exit 1; }
	@rm -rf build/proofs && mkdir -p build && cp -r proofs build/proofs
	@cd build/proofs && for file in $$(coqdep -sort -Q . Proved *.v); do \
		echo "$$file" && coqc $(COQ) "$$file" || exit 1; done
	@echo "All theorems of proofs/ are proved."

run: .venv/.test ## execute the stale notebooks on real data (NB=path: that one, stale or not)
	$(BIN)/python -m tools.notebooks run $(NB)

lab: .venv/.test ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab

pdf: .venv/.pdf book ## the whole book as one file, _build/deep-learning-proved.pdf (needs Chromium)
	$(BIN)/python -m tools.pdf

serve: _build/html/index.html ## serve the built book on http://localhost:8000
	$(BIN)/python -m http.server -b localhost -d _build/html 8000

data: .venv/.book ## download the data sets into your cache, where they aren't yet
	DL_OFFLINE=0 DL_STAND_INS=never $(BIN)/python -c \
		'from helpers import data; list(map(data.load, data.FOLDERS))'

bench: .venv/.test ## our training epoch beside PyTorch's and scikit-learn's, one thread
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m tools.bench

portable: .venv/.test ## the notebooks as an older processor computes, one thread and two
	for threads in 1 2; do DL_STAND_INS=never ATEN_CPU_CAPABILITY=default \
		OPENBLAS_CORETYPE=Haswell ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=$$threads \
		MKL_NUM_THREADS=$$threads OPENBLAS_NUM_THREADS=$$threads $(BIN)/python -m pytest \
		--nbval --durations 5 $(wildcard chapters solutions) || exit 1; done

oldest: ## the tests on the lowest releases that pyproject.toml allows; outputs not compared
newest: ## the same with the highest
oldest: RESOLUTION := lowest-direct
newest: RESOLUTION := highest
oldest newest:
	$(PYTHON) -m venv --clear build/$@
	build/$@/bin/python -m pip install -q uv
	build/$@/bin/uv pip install -q -p build/$@ --resolution $(RESOLUTION) \
		--torch-backend cpu -e '.[book,test]'
	build/$@/bin/python tools/mend_torchvision.py
	build/$@/bin/python -m pytest --nbval-lax -n logical --dist loadscope

export COURSE ID NAMES
handin: override COURSE := $(value COURSE)
handin: override ID := $(value ID)
handin: override NAMES := $(value NAMES)
handin: .venv/.test ## the zip of a homework, tried out (COURSE=folder ID=yours NAMES="A B; C D")
	$(BIN)/python -m tools.handin --names="$$NAMES" -- "$$COURSE" "$$ID"

release: .venv/.test pdf ## site, PDF, hand-ins' contents and checksums, into build/release/
	$(BIN)/python -m tools.release

lock: ## write constraints.txt anew: the newest versions that pyproject.toml allows
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install -q '.[book,test]' $(TORCH)
	.venv-lock/bin/python -m pip freeze --exclude deep-learning-proved > .venv-lock/all
	sed 's/+cpu$$//' .venv-lock/all > constraints.txt
	rm -rf .venv-lock

clean: ## remove what was built, not .venv
	rm -rf _build build src/*.egg-info .pytest_cache .ruff_cache
	rm -f pages/theorems.txt

_build/html/index.html:
	$(MAKE) book

.venv/.book: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' 2>/dev/null || { echo "Python 3.11, 3.12 or" \
		"3.13 is needed, with venv, and '$(PYTHON)' is none. Install one (on Debian and" \
		"Ubuntu also python3-venv), or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(BIN)/python -c 'import pip; $(SUPPORTED)' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[book]'
	@touch $@

.venv/.pdf: .venv/.book
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[book,pdf]'
	@touch $@

.venv/.test: .venv/.book
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[book,test]'
	$(BIN)/python tools/mend_torchvision.py
	@touch $@
