# The commands of this project. Without make: see the pip lines in docs/index.md.
VENV ?= .venv
BIN := $(VENV)/bin
PARALLEL := -n auto --dist loadfile
INSTALLED := $(VENV)/.installed
# closed forms, parsing, statistics, and one item of every rule: nothing that trains
FAST := tests/test_layering.py $(addprefix tests/envs/,domain physics gym channels) $(addprefix tests/agents/,rollouts policy) \
	$(addprefix tests/sim2real/,stats files config/test_config.py)

.PHONY: install demo test test-fast test-thorough test-all test-kernels check format perf reference docs clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

demo: $(INSTALLED)
	$(BIN)/sim2real bench configs/bench/demo.yaml --out runs/demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -q $(PARALLEL) -m "not slow and not thorough"

test-fast: $(INSTALLED)
	$(BIN)/python -m pytest -q $(PARALLEL) -m "not slow and not thorough" $(FAST)

test-thorough: $(INSTALLED)
	$(BIN)/python -m pytest -q $(PARALLEL) -m "thorough and not slow"

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -q $(PARALLEL)

test-kernels: $(INSTALLED)
	PYTHONPATH=tests/helpers $(BIN)/python -m pytest -q $(PARALLEL) -m "not slow" -p other_kernels

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layering.py

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

perf: $(INSTALLED)
	$(BIN)/python -m sim2real.perf

reference: $(INSTALLED)
	$(BIN)/python tools/reference.py

docs: reference
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev,docs]"
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist site *.egg-info
