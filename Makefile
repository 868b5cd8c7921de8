# make run    sets everything up, boots the hello guest, shows its output and where its results are
# make run-xen  the same on a Xen of its own, which QEMU emulates
# make run-vmware  the same on a simulated vSphere, whose machines are QEMU processes
# make test   sets everything up, passes the tests (make test-fast: without real guests and long trials)
# make bench  prints what things cost, as ratios

PYTHON ?= python3
SYSTEM_PACKAGES ?= tools/system-packages
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := plugins/libvirt plugins/kvm plugins/xen plugins/vmware
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
RESULTS := build/hello.results
XEN_RESULTS := build/hello-xen.results
VMWARE_RESULTS := build/hello-vmware.results
DEBIAN := build/debian
PYTEST := $(BIN)/pytest -q -n 2

# Exact versions, of what builds a package too; newer pips ask another variable for those.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Where Python is told to keep nothing of what it compiles, each of a thousand starts would compile vmf anew.
unexport PYTHONDONTWRITEBYTECODE

# Most targets lead to the package manager or to pip, and neither likes company.
.NOTPARALLEL:
.PHONY: run run-xen run-vmware test test-fast test-debian lint bench guest debian wide xenbed vcsim system-run system-test clean

run: system-run guest
	@rm -rf $(RESULTS) && mkdir -p $(dir $(RESULTS))
	@$(BIN)/vmf run --console --set results.folder=$(RESULTS) specs/hello.yaml
	@echo "--- $(RESULTS):" && ls -l $(RESULTS) && cat $(RESULTS)/greeting.txt

run-xen: xenbed guest
	@rm -rf $(XEN_RESULTS) && mkdir -p $(dir $(XEN_RESULTS))
	@PYTHONPATH=tests $(BIN)/python -m xenbed build/dom0.yaml $(BIN)/vmf run --console --hosts build/dom0.yaml \
	  --set results.folder=$(XEN_RESULTS) specs/hello-xen.yaml
	@echo "--- $(XEN_RESULTS):" && ls -l $(XEN_RESULTS) && cat $(XEN_RESULTS)/greeting.txt

run-vmware: vcsim guest
	@rm -rf $(VMWARE_RESULTS) && mkdir -p $(dir $(VMWARE_RESULTS))
	@PYTHONPATH=tests $(BIN)/python -m vcsim build/vsphere.yaml $(BIN)/vmf run --console --hosts build/vsphere.yaml \
	  --set results.folder=$(VMWARE_RESULTS) specs/hello-vmware.yaml
	@echo "--- $(VMWARE_RESULTS):" && ls -l $(VMWARE_RESULTS) && cat $(VMWARE_RESULTS)/greeting.txt

test: system-test lint guest wide xenbed vcsim
	VMF_TEST_TINY="$$($(BIN)/vmf image build tiny | sed -n 's/^tiny: //p')" $(PYTEST)

# Half of their time these tests wait for something, so that more of them have room.
test-fast: system-test $(VENV)/test.stamp
	$(PYTEST) -n 5 -m "not real and not packaging and not exhaustive"

test-debian: guest debian $(VENV)/test.stamp
	VMF_TEST_TINY="$$($(BIN)/vmf image build tiny | sed -n 's/^tiny: //p')" $(PYTEST) -m debian tests/cli/test_debian_real.py

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: system-test $(VENV)/test.stamp guest debian
	$(BIN)/python bench/hello.py
	$(BIN)/python bench/help.py
	$(BIN)/python bench/lint.py
	$(BIN)/python bench/classad_parse.py
	$(BIN)/python bench/match.py
	$(BIN)/python bench/golden.py
	$(BIN)/python bench/results.py
	$(BIN)/python bench/iso.py
	$(BIN)/python bench/many.py
	$(BIN)/python bench/suspend.py
	$(BIN)/python bench/clone.py
	$(BIN)/python bench/remote.py
	$(BIN)/python bench/debian.py

guest: $(VENV)/run.stamp
	@$(BIN)/vmf image build tiny

debian: system-test $(DEBIAN)/root.qcow2

$(DEBIAN)/root.qcow2: $(wildcard specs/debian/*) $(wildcard core/vmf/warehouse/*.sh)
	@specs/debian/make.sh $(DEBIAN)

# Before the tests, lest the first that wants one waits longer than a test may.
wide: system-test $(VENV)/test.stamp
	@PYTHONPATH=tests $(BIN)/python -m guests.wide

xenbed: system-test $(VENV)/test.stamp
	@PYTHONPATH=tests $(BIN)/python -m xenbed

vcsim: system-test $(VENV)/test.stamp
	@PYTHONPATH=tests $(BIN)/python -m vcsim

system-run:
	@$(SYSTEM_PACKAGES) run

system-test:
	@$(SYSTEM_PACKAGES) test

# A half-made environment is never built upon: what a stamp does not vouch for is made anew.
$(VENV)/run.stamp: $(PROJECTS) constraints.txt | system-run
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --editable . $(PLUGINS:%=--editable %)
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	@echo "adding the tests' tools to $(VENV)"
	@rm $<
	@$(BIN)/pip install --quiet --editable '.[test]'
	@touch $< $@

clean:
	rm -rf $(VENV) build dist
