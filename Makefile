# The template's own tasks. GNU Make 3.81 is enough.

PYTHON ?= python3
LANGUAGE ?= python
VENV := .venv
SHELL_SCRIPTS = .ci/run $$(git ls-files --cached --others --exclude-standard '*.sh')
# Named, since the pyproject.toml of a generated repository is no TOML before it is rendered.
RUFF_CONFIG = --config pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs slides benchmark benchmark-hosts benchmark-large prove-on-aws clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The development dependencies stand in pyproject.toml; groups need pip 25.1 or newer.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/installed ## Generate a repository into demo/ and train it (LANGUAGE=python, r or java)
	scripts/demo.sh $(VENV)/bin/cookiecutter $(LANGUAGE)

test: $(VENV)/installed ## Run all tests that this machine can run; say which are skipped and why
	$(VENV)/bin/python -m pytest -n 4 --dist loadgroup -rs tests

lint: $(VENV)/installed ## Check formatting and style
	$(VENV)/bin/ruff check $(RUFF_CONFIG)
	$(VENV)/bin/ruff format --check $(RUFF_CONFIG)
	$(VENV)/bin/shellcheck $(SHELL_SCRIPTS)

format: $(VENV)/installed ## Mend formatting and style where a tool can
	$(VENV)/bin/ruff check --fix $(RUFF_CONFIG)
	$(VENV)/bin/ruff format $(RUFF_CONFIG)

docs: $(VENV)/installed ## Build the site of docs/ into site/, in English and in Korean
	$(VENV)/bin/python scripts/docs.py

slides: $(VENV)/installed ## Make slides of the pages of docs/, and print them as PDF
	$(VENV)/bin/python scripts/slides.py

benchmark: $(VENV)/installed ## Measure what the template costs against a bare script
	$(VENV)/bin/python benchmarks/run.py

benchmark-hosts: $(VENV)/installed ## Measure what another host brings (half an hour)
	$(VENV)/bin/python benchmarks/scaling.py

benchmark-large: $(VENV)/installed ## Measure what large data cost (ten minutes)
	$(VENV)/bin/python benchmarks/large.py

prove-on-aws: $(VENV)/installed ## Train in each language on a real AWS account, for some cents; ARGS=--help
	$(VENV)/bin/python scripts/prove_on_aws.py $(ARGS)

clean: ## Remove what the other targets made
	rm -rf $(VENV) demo site slides .pytest_cache .ruff_cache
	find hooks tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
