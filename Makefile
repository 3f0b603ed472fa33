PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DEMO = build/demo

.PHONY: demo test lint types docs bench measure prove fixes-hold clean

$(BIN)/convlint: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(BIN)/convlint constraints.txt
	$(BIN)/pip install -q -c constraints.txt torch==2.13.0
	$(BIN)/pip install -q -c constraints.txt -e ".[trace,test,dev]"
	touch $@

demo: $(BIN)/convlint  ## lint the example detector, show and apply the repairs to a copy
	rm -rf $(DEMO) && mkdir -p $(DEMO) && cp examples/atss_detector/*.py $(DEMO)
	@echo "== what convlint finds in examples/atss_detector"
	@$(BIN)/convlint $(DEMO) --isolated || [ $$? -eq 1 ]
	@echo "== what --fix --unsafe-fixes would change"
	@$(BIN)/convlint $(DEMO) --isolated --unsafe-fixes --diff || [ $$? -eq 1 ]
	@echo "== after the repairs"
	@$(BIN)/convlint $(DEMO) --isolated --fix --unsafe-fixes --show-fixes --output-format concise || [ $$? -eq 1 ]

test: $(VENV)/.dev lint types
	$(BIN)/pytest -n 2 tests

lint: $(VENV)/.dev
	$(BIN)/ruff check convlint rules tests benchmarks docs
	$(BIN)/ruff format --check convlint rules tests benchmarks docs

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev  ## write docs/rules from the rules and their proofs, the README's screen, and the example's page
	$(BIN)/python -m convlint.report.docs
	$(BIN)/python docs/screen.py
	$(BIN)/python docs/atss.py

prove: $(VENV)/.dev  ## run every rule's examples, and the pairs of users' demands, through the real tracers, and store what they do
	$(BIN)/python -m convlint.trial.prove
	$(BIN)/python tests/demand/pairs.py

bench: $(VENV)/.dev  ## time convlint beside its peers; lint the pinned packages and draw findings to read by hand
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/draw_review.py

measure: $(VENV)/.dev  ## how right convlint is, by labels measured on packages seen while building and on others
	$(BIN)/python benchmarks/accuracy.py --per-rule

fixes-hold: $(VENV)/.dev  ## repair copies of packages, and compare what their models compute before and after
	$(PYTHON) -m venv build/fixes/venv
	build/fixes/venv/bin/pip install -q $$($(BIN)/python benchmarks/packages.py)
	$(BIN)/python benchmarks/fixes_hold.py build/fixes/venv/bin/python

clean:
	rm -rf $(VENV) build dist
