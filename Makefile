# make run       everything set up, then the demo; PORT=9100 chooses other ports
# make test      everything set up, then all tests
# make check     lint, types, who imports whom        make fix    what lint can mend itself
# make bench     figures beside the real peers, into docs/benchmarks.md
# make lock      new versions within the bounds of pyproject.toml
.PHONY: run test check fix bench lock setup setup-test
PORT ?= 8080
DATA ?= .pilothouse/demo
PYTEST ?= -n 2 --dist loadgroup
BIN = .venv/bin

run: setup
	@exec $(BIN)/pilothouse demo --port $(PORT) --data $(DATA)

test: setup-test
	$(BIN)/pytest $(PYTEST)

check: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: setup-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-test
	$(BIN)/python -m tests.bench

lock:
	$(BIN)/uv pip compile -q pyproject.toml --all-extras --python-version 3.11 --generate-hashes --no-emit-index-url -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --all-extras --group dev --python-version 3.11 --generate-hashes --no-emit-index-url -o requirements-dev.lock
	echo 'hatchling>=1.27' | $(BIN)/uv pip compile -q - --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o deploy/requirements-build.lock

setup:
	@deploy/setup run

setup-test:
	@deploy/setup test
