# Each target sets up what it needs: a .venv with the locked dependencies, the embedded PostgreSQL.
PYTHON ?= python3
PY := .venv/bin/python
FOR ?=
PEERS_PYTHON ?= python3.12
PEERS := .venv/peers
TICKS ?= 2000000
RUNS ?= 1
.PHONY: paper rehearsal lost-answers storm test check lint bench bench-feed bench-latency bench-flatten bench-peers drill-kill9 simulate replay-under mutants lock clean

# Practice exchange -> kiteconnect -> the tree -> the paper book, over real sockets.
paper: .venv
	$(PY) -m scripts.rehearsal.paper $(if $(FOR),--for $(FOR))

# LIVE against the practice exchange, the whole gate included; fails if exchange and journal differ.
rehearsal: .venv
	$(PY) -m scripts.rehearsal.command $(if $(FOR),--for $(FOR))

# An order that the broker took and whose answer was lost, 200 times while the engine trades LIVE.
lost-answers: .venv
	PAHARA_LOST=200 $(PY) -m pytest -s tests/rehearsal/test_lost_answers.py

# kill -9 of writer, stream and engine at random moments of a LIVE rehearsal; STORM in seconds.
STORM ?= 1800
storm: .venv
	PAHARA_STORM_S=$(STORM) $(PY) -m pytest -s tests/rehearsal/test_storm.py

test: .venv
	$(PY) -m pytest

check: lint test

lint: .venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

bench: .venv
	$(PY) -m scripts.bench

# Kite's stream at full size: 9,000 instruments over three connections, from a local server.
bench-feed: .venv
	$(PY) -m scripts.bench --only feed

# From a frame to the acknowledged live order, beside a bare kiteconnect script at the same exchange.
bench-latency: .venv
	$(PY) -m scripts.bench_live.latency

# A person's flatten of 20 live positions, 20 times, and a kill: by the practice exchange's truth.
bench-flatten: .venv
	$(PY) -m scripts.bench_live.flatten

# The same work in Pahara and in NautilusTrader. Its environment is made here and used nowhere else.
bench-peers: .venv $(PEERS)/.installed
	$(PY) -m scripts.bench_peers --peer-python $(PEERS)/bin/python --ticks $(TICKS) --runs $(RUNS)

$(PEERS)/.installed: scripts/peers-requirements.lock | .venv
	$(PEERS_PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r scripts/peers-requirements.lock
	@touch $@

drill-kill9: .venv
	PAHARA_DRILL_ROUNDS=20 $(PY) -m pytest -s tests/drills/test_kill9.py

# OTHER: an interpreter of another minor version; it gets an environment of its own.
replay-under: .venv
	test -n "$(OTHER)" || { echo "make replay-under OTHER=python3.13"; exit 1; }
	$(OTHER) -m venv out/venv-other
	out/venv-other/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PAHARA_OTHER_PYTHON=$(CURDIR)/out/venv-other/bin/python $(PY) -m pytest -s tests/drills/test_replay.py

SEEDS ?= 1000
simulate: .venv
	.venv/bin/pahara simulate --seed 1 --runs $(SEEDS) --faults all

mutants: .venv
	$(PY) -m tests.mutants.run

.venv: .venv/.installed
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv out/venv-other var
