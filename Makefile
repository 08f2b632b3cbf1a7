# Everything sets itself up: `make demo` and `make test` need Python 3.11 or newer, its venv module, and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SHOTS  := dashboards/screenshots
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version=3.11 --upgrade --generate-hashes \
  --no-emit-index-url --custom-compile-command='make lock'

.PHONY: demo test lint format rules dashboards screenshots replay soak bench image kubernetes lock sbom audit clean

demo: $(VENV)/.run
	$(BIN)/aadsts-exporter demo $(ARGS)

test: lint
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder $(ARGS)

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

# Rules and dashboards as resources of deploy/kubernetes/base.
kubernetes: $(VENV)/.dev
	$(BIN)/python -m dashboards.kubernetes

# Pictures for README and docs. Needs Debian's prometheus and chromium, Node 20 with npm, and 700 MB for node_modules.
screenshots: $(VENV)/.dev
	npm --prefix $(SHOTS) ci --no-audit --no-fund
	mkdir -p $(SHOTS)/build docs/images
	PYTHONPATH=. $(BIN)/python $(SHOTS)/collect.py $(SHOTS)/build/data.json
	node $(SHOTS)/shoot.mjs $(SHOTS)/build/data.json docs/images token-probe-overview token-probe-target
	PYTHONPATH=tests:. $(BIN)/python $(SHOTS)/status_page.py

# Needs Debian's prometheus. All of it takes an hour or two; QUICK=1 takes a few minutes, SCENARIO=file seconds.
replay: $(VENV)/.run
	@$(BIN)/python -m replay $(if $(SCENARIO),--scenario=$(SCENARIO)) $(if $(SEED),--seed=$(SEED)) $(if $(QUICK),--quick) $(ARGS)

# Needs Debian's prometheus, and Linux. Takes 600 seconds; SECONDS=60 is what `make test` does. A seed is a run: SEED=7.
soak: $(VENV)/.dev
	@PYTHONPATH=tests:tests/transport:. $(BIN)/python -m soak $(if $(SECONDS),--seconds=$(SECONDS)) $(if $(SEED),--seed=$(SEED)) $(ARGS)

# Needs Debian's nginx-light and prometheus-blackbox-exporter, and a machine that has nothing else to do.
bench: $(VENV)/.dev
	@$(BIN)/python -m bench.scrape
	@$(BIN)/python -m bench.probes
	@$(BIN)/python -m bench.lateness

# Needs Debian's buildah, iproute2 and mmdebstrap; docker build . needs none of them, but a registry in reach.
image:
	.ci/image $(ARGS)

# The newest releases that pyproject.toml allows, with the hashes of their files for every platform.
lock: $(VENV)/.release
	$(LOCK) pyproject.toml --output-file locks/run.txt
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' \
	  | $(LOCK) - --output-file locks/build.txt

# dist/sbom.json: what the image holds, installed out of the lock, with licences and who needs whom (CycloneDX).
sbom: $(VENV)/.release
	rm -rf build/sbom && mkdir -p build dist
	$(PYTHON) -m venv --without-pip build/sbom
	$(BIN)/python -m pip --python build/sbom/bin/python install --quiet --require-hashes --only-binary=:all: --requirement locks/run.txt
	$(BIN)/python -m pip --python build/sbom/bin/python install --quiet --no-deps .
	version=$$(build/sbom/bin/aadsts-exporter --version | cut --delimiter=' ' --fields=2) \
	  && sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml >build/pyproject.toml
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/cyclonedx-py environment --output-reproducible --validate \
	  --pyproject build/pyproject.toml --output-file dist/sbom.json build/sbom/bin/python

# Known vulnerabilities of what is locked. Strict: where the advisory service is not in reach, this fails.
audit: $(VENV)/.release
	$(BIN)/pip-audit --strict --progress-spinner off --disable-pip --require-hashes \
	  --requirement locks/run.txt --requirement locks/build.txt \
	  || { echo 'audit: vulnerable, or not audited: see the line above'; exit 1; }

$(VENV)/.run: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VENV)/.release: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[release]'
	touch $@

clean:
	rm -rf $(VENV) build dist tests/foreign/.venv tests/foreign/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
