PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint fix clean

# Each target does all the set-up it needs on a fresh machine.
$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/pip install -q --no-compile --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev,oracle,loaders,ann,fast,lang,lm,judge,train,ray]'
	touch $@

demo: $(VENV)/.core
	$(BIN)/tamis demo

# Many tests start Python: what it compiles is kept. A worker more than cores, as some tests wait; who has none left takes others'.
test: $(VENV)/.dev lint
	PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(os.cpu_count() + 1)') --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
