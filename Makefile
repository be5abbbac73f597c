# make run and make test do all the set-up; the rest is for those who change kikigaki.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help run test check format install index constraints screenshots encoder reader clean

help:  ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

run: $(INSTALLED)  ## install what is missing, then open the chat at http://127.0.0.1:7860
	@$(BIN)/python app.py

test: $(INSTALLED)  ## install what is missing, then run the tests
	@$(BIN)/python -m pytest

check: $(INSTALLED)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## rewrite the code the way ruff wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(INSTALLED)  ## everything into .venv

index: $(INSTALLED)  ## bring the index of the notes up to date
	@$(BIN)/python -m index

screenshots: $(INSTALLED)  ## the README's pictures, made in Chromium
	$(BIN)/python -m benchmarks.screenshots

# The weights of the encoder are kept; `make encoder` is for another training, best on a GPU.
MADE := build/encoder
MODEL := kikigaki-e5-small-ja
encoder: $(INSTALLED)  ## train the default model anew: make encoder JAQUAD=folder with train and dev
	@test -d '$(JAQUAD)/train' || { echo 'make encoder JAQUAD=… (the folder of JaQuAD)' >&2; exit 1; }
	rm -rf $(MADE) && mkdir -p $(MADE)
	$(BIN)/python -m training.unpack $(MADE)/full
	$(BIN)/python -m training.prune $(MADE)/full $(MADE)/pruned --jaquad $(JAQUAD)/train
	$(BIN)/python -m training.pairs $(JAQUAD)/train $(MADE)/pairs
	$(BIN)/python -m training.finetune $(MADE)/pruned $(MADE)/pairs $(MADE)/tuned $(FINETUNE)
	$(BIN)/python -m training.pack $(MADE)/tuned $(MADE)/$(MODEL) --pairs $(MADE)/pairs
	$(BIN)/python -m benchmarks.jaquad $(JAQUAD)/dev $(MADE)/dev
	$(BIN)/python -m training.evaluate $(MADE)/$(MODEL) $(MADE)/dev
	$(BIN)/python -m training.card $(MADE)/$(MODEL)
	@echo '$(MADE)/$(MODEL): better on dev? then it takes the place of models/$(MODEL)'

READER := kikigaki-reader-ja
DEPTH ?= 8
reader: $(INSTALLED)  ## train the reader anew: make reader JAQUAD=folder with train and dev
	@test -d '$(JAQUAD)/train' || { echo 'make reader JAQUAD=… (the folder of JaQuAD)' >&2; exit 1; }
	rm -rf $(MADE)/reader $(MADE)/$(READER) && mkdir -p $(MADE)
	test -d $(MADE)/pairs || $(BIN)/python -m training.pairs $(JAQUAD)/train $(MADE)/pairs
	$(BIN)/python -m training.reader models/$(MODEL) $(MADE)/pairs $(MADE)/reader $(READ)
	$(BIN)/python -m training.pack_reader $(MADE)/reader $(MADE)/$(READER) --depth $(DEPTH)
	$(BIN)/python -m training.evaluate_reader $(MADE)/$(READER) $(JAQUAD)/dev
	$(BIN)/python -m training.reader_card $(MADE)/$(READER)
	$(BIN)/python -m benchmarks.reader $(MADE)/reader $(JAQUAD)/dev
	@echo '$(MADE)/$(READER): better on dev? then it takes the place of models/$(READER), and'
	@echo '`python -m benchmarks.fit reader` fits what weighs it (benchmarks/README.md)'

constraints: $(INSTALLED)  ## pin every dependency anew
	$(BIN)/python -m pip install --quiet uv
	{ echo '# Every version of an install, for Python 3.10 to 3.13; made by `make constraints`.'; \
	  echo 'torch==2.13.0' | $(BIN)/uv pip compile --quiet --universal --python-version 3.10 \
	  --all-extras --no-annotate --no-header --constraint - pyproject.toml; } > constraints.new
	mv constraints.new constraints.txt

clean:  ## remove .venv; notes and stores stay
	rm -rf $(VENV)

# Written last, so an interrupted install is taken up again; newer pins install anew.
$(INSTALLED): pyproject.toml constraints.txt Makefile
	@command -v $(PYTHON) >/dev/null || { echo \
	  'Python がありません。sudo apt install python3 python3-venv (Python 3.10 or newer is needed)' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo \
	  'Python 3.10 以上が必要です。make PYTHON=python3.11 のように指定できます (3.10 or newer is needed)' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo \
	  'venv がありません。sudo apt install python3-venv (the venv module is missing)' >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@echo 'インストールしています。初回は数分かかります (installing; minutes the first time)' >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]' || { echo \
	  'インストールできませんでした。ネットワークと空き容量 (約 4 GB) を確かめて、もう一度実行してください (install failed: check network and disk, then run again)' >&2; exit 1; }
	@touch $(INSTALLED)
