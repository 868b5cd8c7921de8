# make run    sets everything up, runs the hello job, shows where its results are
# make test   sets everything up, passes the tests (make test-fast: without real guests)
# make bench  prints what things cost, as ratios

PYTHON ?= python3
SYSTEM_PACKAGES ?= tools/system-packages
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
PROJECTS := pyproject.toml plugins/libvirt/pyproject.toml plugins/kvm/pyproject.toml
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-fast lint bench guest system-run system-test clean

run: system-run $(VENV)/run.stamp guest
	@rm -rf build/run && mkdir -p build/run
	@cd build/run && $(BIN)/vmf run --console ../../specs/hello.yaml
	@echo "--- build/run/hello.results:" && ls -l build/run/hello.results && cat build/run/hello.results/greeting.txt

test: system-test lint guest
	$(BIN)/pytest -q

test-fast: system-test $(VENV)/test.stamp
	$(BIN)/pytest -q -m "not real and not packaging"

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-timing >build/imports.txt || { cat build/imports.txt; exit 1; }

bench: system-test $(VENV)/test.stamp guest
	$(BIN)/python bench/hello.py
	$(BIN)/python bench/help.py

guest: $(VENV)/run.stamp
	@$(BIN)/vmf image build tiny

system-run:
	@$(SYSTEM_PACKAGES) run

system-test:
	@$(SYSTEM_PACKAGES) test

$(VENV)/run.stamp: $(PROJECTS) constraints.txt | system-run
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable . --editable plugins/libvirt --editable plugins/kvm
	@mkdir -p build && touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/pip install --quiet --editable .[test]
	@touch $@

clean:
	rm -rf $(VENV) build dist
