# Everything sets itself up: `make demo` and `make test` need Python 3.11 or newer, its venv module, and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint format rules dashboards replay clean

demo: $(VENV)/.run
	$(BIN)/aadsts-exporter demo $(ARGS)

test: lint
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

rules: $(VENV)/.run
	$(BIN)/aadsts-exporter rules >$(VENV)/rules.yaml
	mv $(VENV)/rules.yaml dashboards/rules/token-probe.yaml

dashboards: $(VENV)/.dev
	$(BIN)/python -m dashboards.grafana

# Needs Debian's prometheus. All of it takes an hour or two; QUICK=1 takes a few minutes, SCENARIO=file seconds.
replay: $(VENV)/.run
	@$(BIN)/python -m replay $(if $(SCENARIO),--scenario=$(SCENARIO)) $(if $(SEED),--seed=$(SEED)) $(if $(QUICK),--quick) $(ARGS)

$(VENV)/.run: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
