# Central Lobby. A newcomer needs two of these: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# Without bytecode, every process of the tests would compile all modules and tests again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test quick check fix bench drill lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Central Lobby needs Python 3.11 or newer; set PYTHON=/path/to/it." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python could not make a virtual environment (on Debian: apt install python3-venv)." >&2; rm -rf $(VENV); exit 1; }

# Two stamps: the service needs less than the tests.
$(VENV)/.run: $(BIN)/python locks/run.txt pyproject.toml
	@echo "Installing what the service needs ..."
	@$(PIP_INSTALL) -r locks/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run locks/dev.txt
	@echo "Installing what the tests need ..."
	@$(PIP_INSTALL) -r locks/dev.txt
	@touch $@

# Clients of Action Network's API, in an environment of their own: their dependencies must not change
# the versions that the service runs with.
$(VENV)/.clients: $(BIN)/python locks/clients.txt locks/clients-build.txt
	@echo "Installing the clients that the tests run ..."
	@$(BIN)/python -m venv $(VENV)/clients
	@$(VENV)/clients/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r locks/clients-build.txt
	@$(VENV)/clients/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--no-build-isolation -r locks/clients.txt
	@touch $@

setup: $(VENV)/.dev $(VENV)/.clients ## Make .venv with everything, for serving and for testing

run: $(VENV)/.run ## Set up, load the demonstration and serve it on 127.0.0.1:8000
	@$(BIN)/lobby demo --skip --port "$(PORT)"
	@exec $(BIN)/lobby serve --port "$(PORT)"

test: $(VENV)/.dev $(VENV)/.clients ## Set up and run all tests, on SQLite and on PostgreSQL
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/.dev ## Run the fast tests only: SQLite, no browser, no drills
	@$(BIN)/python -m pytest -n 2 --dist worksteal --quick

check: $(VENV)/.dev ## Lint, format, types, imports; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fix: $(VENV)/.dev ## Fix what ruff can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# These also measure an earlier version: make bench BEFORE=FOLDER
bench: BEFORE_TOO := bench_intake bench_pages
bench: $(VENV)/.dev ## Compare designs side by side; BEFORE=FOLDER adds the version in a folder
	@failed=; for file in bench/bench_*.py; do name=$$(basename $${file%.py}); echo "== $$file"; \
		case " $(if $(BEFORE),$(BEFORE_TOO)) " in *" $$name "*) before="--before $(BEFORE)";; *) before=;; esac; \
		$(BIN)/python -m bench.$$name $$before || failed="$$failed $$name"; done; \
		[ -z "$$failed" ] || { echo "These benches failed:$$failed" >&2; exit 1; }

drill: $(VENV)/.dev ## Kill workers and servers under load on both databases, migrate, rotate the secret, time answers, open every page, count everything again: look for faults
	@$(BIN)/python -m drills
	@$(BIN)/python -m drills.confirmation_mails
	@$(BIN)/python -m drills.signatures
	@$(BIN)/python -m drills.contract
	@$(BIN)/python -m drills.migration
	@$(BIN)/python -m drills.secret
	@$(BIN)/python -m drills.answer_times
	@$(BIN)/python -m drills.broken_setups
	@$(BIN)/python -m drills.slow_clients
	@$(BIN)/python -m drills.consents
	@$(BIN)/python -m drills.pages
	@$(BIN)/python -m drills.recount_sums
	@$(BIN)/python -m drills.n8n

lock: ## Resolve the dependencies again (needs uv)
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --upgrade --quiet --output-file locks/run.txt
	uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --upgrade --quiet --constraints locks/run.txt --output-file locks/dev.txt
	for group in clients clients-build; do uv pip compile --group $$group --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade --quiet \
		--output-file locks/$$group.txt || exit 1; done

clean: ## Remove the virtual environment and caches; data in var/ stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
