# make example   set everything up and build an example lab
# make test      set everything up and run every check and test (as root, or the live tests are skipped)
# make fast      the checks and tests that need neither root nor QEMU
# make bench-build   measure kvmgen itself anew: benchmarks/build.md
# make bench-speed   measure the script anew, beside other ways to the same host, as root: benchmarks/speed.md
# make rehearse-random   bring 300 random labs up, as root: every pair is what kvmgen foretells of it
# make out       build the example labs in out/ anew, and note that the checkers accept the runtime

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXAMPLE := tests/labs/netns-basics.dsl

.PHONY: example test fast lint packages out bench-build bench-speed rehearse-random clean

example: $(INSTALLED)
	$(BIN)/kvmgen build $(EXAMPLE) > setup.sh
	bash setup.sh plan || [ $$? -eq 11 ]
	@echo 'setup.sh is built: read it, then run it as root: bash setup.sh up'

test: $(INSTALLED) packages lint
	$(BIN)/pytest -n auto

fast: $(INSTALLED) lint
	$(BIN)/pytest -n auto -m 'not live'

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/shfmt -d -i 2 -ci templates/runtime templates/bundle.sh .ci/run tests/packages.sh

# Programs that the live tests run for real; installed only where one is missing.
packages:
	bash tests/packages.sh

out: $(INSTALLED)
	$(BIN)/pytest -q tests/test_cases.py --update

bench-build: $(INSTALLED)
	$(BIN)/python benchmarks/build.py > benchmarks/build.md.new
	mv benchmarks/build.md.new benchmarks/build.md

bench-speed: $(INSTALLED) packages
	$(BIN)/python benchmarks/speed.py > benchmarks/speed.md.new
	mv benchmarks/speed.md.new benchmarks/speed.md

rehearse-random: $(INSTALLED) packages
	KVMGEN_REHEARSALS=300 $(BIN)/pytest -q -s tests/live/test_reached.py

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache setup.sh
