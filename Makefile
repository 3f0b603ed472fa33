PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DEMO = build/demo
EXPORTABLE = examples/atss_detector/repaired/detector.py:ExportableDetector

PYTHONS ?= python3.10 python3.11 python3.12 python3.13
OF_LINTER = tests/analyzer tests/fuzz tests/report/test_text.py tests/rules tests/source $(addprefix tests/test_,$(addsuffix .py,\
	baseline cli config fixer hostile linter never_lost notebooks))

.PHONY: demo test test-wheel test-pythons test-browser test-readers test-vscode lint types docs pictures comparison bench measure prove fixes-hold fuzz fuzz-repairs vscode clean

$(BIN)/convlint: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.trace
	$(BIN)/pip install -q -c constraints.txt -e ".[trace,test,dev,docs]"
	touch $@

$(VENV)/.trace: $(BIN)/convlint constraints.txt
	$(BIN)/pip install -q -c constraints.txt torch==2.13.0
	$(BIN)/pip install -q -c constraints.txt -e ".[trace]"
	touch $@

demo: $(VENV)/.trace  ## lint the example detector, repair a copy, and run both on every exporter
	rm -rf $(DEMO) && mkdir -p $(DEMO) && cp examples/atss_detector/*.py $(DEMO)
	@echo "== what convlint finds in examples/atss_detector"
	@$(BIN)/convlint $(DEMO) --isolated || [ $$? -eq 1 ]
	@echo "== what --fix --unsafe-fixes would change"
	@$(BIN)/convlint $(DEMO) --isolated --unsafe-fixes --diff || [ $$? -eq 1 ]
	@echo "== after the repairs"
	@$(BIN)/convlint $(DEMO) --isolated --fix --unsafe-fixes --show-fixes --output-format concise || [ $$? -eq 1 ]
	@echo "== what the exporters make of the detector as it was"
	@$(BIN)/convlint preflight examples/atss_detector/detector.py:Detector --isolated || [ $$? -eq 1 ]
	@echo "== and of the one that is written for export"
	@$(BIN)/convlint preflight $(EXPORTABLE) --isolated || [ $$? -eq 1 ]
	@echo "== where that one can be deployed, and at which opsets"
	@$(BIN)/convlint matrix $(EXPORTABLE) --isolated --target onnxruntime,openvino,tensorrt==8.6,opencv || [ $$? -eq 1 ]

test: $(VENV)/.dev lint types
	$(BIN)/pytest -n 2 --dist worksteal -m "not sibling" tests

test-browser: $(VENV)/.browser  ## drive the report pages in Chromium (on Debian: apt-get install chromium)
	$(BIN)/pytest tests/browser

test-readers: $(VENV)/.dev  ## give reports to Microsoft's SARIF Multitool, with GitHub's rules, and to a validator of rdjson: from npm
	npm install --ignore-scripts --no-audit --no-fund --loglevel=error --prefix build/readers \
	  @microsoft/sarif-multitool@5.7.0 @umbrelladocs/rdformat-validator@1.0.1
	$(BIN)/pytest tests/report/test_readers.py

test-vscode: $(VENV)/.browser  ## drive the extension in VS Code in Chromium: code-server, from npm, 0.7 GB in build/vscode
	sh tests/vscode/install.sh $(BIN)/python build/vscode
	$(BIN)/pytest tests/vscode

$(VENV)/.browser: $(VENV)/.dev
	$(BIN)/pip install -q -c constraints.txt -e ".[browser]"
	touch $@

test-wheel: $(VENV)/.dev  ## install the wheel on each supported Python that is there, and run what it brings, without torch
	rm -rf build/wheel && $(BIN)/python -m hatchling build -t wheel -d build/wheel
	@for python in $(PYTHONS); do \
	  $$python -c "" 2>/dev/null || { echo "$$python is not there"; continue; }; \
	  $$python -m venv --clear --without-pip build/pythons/$$python \
	  && $(BIN)/pip --python build/pythons/$$python/bin/python install -q build/wheel/*.whl \
	  && sh tests/installed_wheel.sh build/pythons/$$python/bin || exit 1; \
	done

test-pythons: test-wheel  ## and the tests of the linter on each of them
	@for python in $(PYTHONS); do \
	  $$python -c "" 2>/dev/null || continue; \
	  $(BIN)/pip --python build/pythons/$$python/bin/python install -q hypothesis pytest \
	  && build/pythons/$$python/bin/pytest -q -p no:cacheprovider $(OF_LINTER) || exit 1; \
	done

lint: $(VENV)/.dev
	$(BIN)/ruff check convlint rules tests benchmarks docs
	$(BIN)/ruff format --check convlint rules tests benchmarks docs

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev  ## write what is generated, and build the documentation site into build/site
	$(BIN)/python -m convlint.report.docs
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/screen.py
	$(BIN)/python docs/atss.py
	$(BIN)/python docs/opsets.py
	$(BIN)/python docs/session.py
	$(BIN)/python benchmarks/ill_typed.py > docs/diagnose.md
	$(BIN)/sphinx-build -q -W -b html docs build/site

pictures: $(VENV)/.browser  ## take pictures of a report's page for the documentation, in Chromium
	$(BIN)/python docs/pages.py

comparison: $(VENV)/.dev  ## try what users of linters expect on convlint, Ruff, Fixit, TorchFix and Semgrep
	$(BIN)/python benchmarks/comparison.py

prove: $(VENV)/.dev  ## run every rule's examples, and the pairs of users' demands, through the real tracers, and store what they do
	$(BIN)/python -m convlint.trial.prove
	$(BIN)/python tests/demand/pairs.py
	$(BIN)/pytest -n 2 -m sibling tests

bench: $(VENV)/.dev  ## time convlint beside its peers; lint the pinned packages and draw findings to read by hand
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/draw_review.py

measure: $(VENV)/.dev  ## how right convlint is, by labels measured on packages seen while building and on others
	$(BIN)/python benchmarks/accuracy.py --per-rule

fixes-hold: $(VENV)/.dev  ## repair copies of packages, and compare what their models compute before and after
	$(PYTHON) -m venv build/fixes/venv
	build/fixes/venv/bin/pip install -q $$($(BIN)/python benchmarks/packages.py)
	$(BIN)/python benchmarks/fixes_hold.py build/fixes/venv/bin/python

fuzz: $(VENV)/.dev  ## ten minutes of fuzzing, 300 kills, then all Python files that are installed
	FUZZ_SECONDS=600 KILLS=300 $(BIN)/pytest tests/fuzz tests/test_never_lost.py
	$(BIN)/python tests/fuzz/corpus.py $$($(BIN)/python -c "import sysconfig; print(*map(sysconfig.get_path, ('stdlib', 'purelib')))")
	$(BIN)/python tests/fuzz/corpus.py --enter $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('stdlib'))")

fuzz-repairs: $(VENV)/.dev  ## repair 10,000 classes and functions of real packages, changed at random
	$(BIN)/python benchmarks/fuzz_repairs.py

vscode:  ## compile the extension for VS Code
	cd editors/vscode && npm install --no-audit --no-fund && npm run compile

clean:
	rm -rf $(VENV) build dist
