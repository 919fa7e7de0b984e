# make run [PCAP=file]   sets up .venv, installs, analyzes a capture
# make test              sets up .venv and runs all tests, with the compiled and with the uncompiled engine
# make lint              ruff and mypy
# make wheel             builds the sdist and the wheel for this machine, in dist/
# make try-wheel         tries that wheel in a fresh environment
# make docs              builds the documentation as a site, in build/site
# make format            rewrites the sources as `make lint` wants them

PYTHON ?= python3
PCAP ?= sample_pcaps/sick_service.pcap
PYTEST_ARGS ?=
# Tests are shared among one process a core, and one more for those that need a network: they take turns, and
# wait more than they compute. tests/conftest.py says what begins first.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
SHARED := --dist loadgroup --no-loadscope-reorder
PURE_ROOMS := capture findings hostile kernel lab/test_recorded.py live/test_events.py live/test_eviction.py model \
    peers report run samples tcp wire
# Files of these rooms in which no engine has a part: texts, tables, files that are kept, libpcap's filters.
NOT_PURE := capture/test_bpf.py hostile/test_names.py hostile/test_reports.py report/test_joining.py \
    report/test_library.py report/test_samples.py report/test_terminal.py report/test_terminal_long.py \
    report/test_terminal_width.py run/test_checkpoint.py run/test_troubles.py samples/test_sample_coverage.py

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
EXTRAS := -c 'import sys, tomllib; \
    extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
    print(*(wanted.replace(" ", "") for name in sys.argv[1:] for wanted in extras[name]))'
SOURCES := $(shell find tcptrace_py -name '*.py' -o -name '*.pxd')

.PHONY: run test test-compiled test-pure lint format build clean

# pip has work for one core, and the compiler can begin before it is done.
run:
	@$(MAKE) --no-print-directory -j2 $(VENV)/built
	@$(BIN)/tcptrace-py analyze "$(PCAP)"

# Where this is set, each process of the tests would compile all sources and rewrite all tests anew.
unexport PYTHONDONTWRITEBYTECODE

# Both runs, whatever the first one says. The full one comes last, so that its closing line is the last line.
test: $(VENV)/built $(VENV)/tools
	@status=0; \
	$(MAKE) --no-print-directory test-pure || status=1; \
	$(MAKE) --no-print-directory test-compiled || status=1; \
	exit $$status

# Rooms that only hand on what an engine made are tested once, with the compiled one.
test-pure: $(VENV)/built $(VENV)/tools
	TCPTRACE_PY_PURE=1 $(BIN)/python -m pytest -m "not slow" -n $(JOBS) $(SHARED) $(PYTEST_ARGS) \
	    $(NOT_PURE:%=--ignore=tests/%) $(wildcard $(PURE_ROOMS:%=tests/%))

test-compiled: $(VENV)/built $(VENV)/tools
	$(BIN)/python -m pytest -n $(shell expr $(JOBS) + 1) $(SHARED) $(PYTEST_ARGS)

lint: $(VENV)/built $(VENV)/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python packaging/architecture.py --check

format: $(VENV)/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(VENV)/built

$(VENV)/built: $(VENV)/compiled $(VENV)/installed
	@touch $@

# Rebuilds what changed: a compiled module older than its source would be run instead of it.
$(VENV)/compiled: $(VENV)/compiler setup.py $(SOURCES)
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(VENV)/installed: $(VENV)/compiler
	@echo "installing tcptrace-py and what it needs into $(VENV)"
	@TCPTRACE_PY_PURE=1 $(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/compiler: pyproject.toml $(VENV)/python
	@echo "installing what compiles into $(VENV)"
	@$(PIP) install --upgrade $$($(BIN)/python $(EXTRAS) build)
	@touch $@

$(VENV)/tools: pyproject.toml $(VENV)/installed
	@echo "installing the tools for tests and checks into $(VENV)"
	@$(PIP) install $$($(BIN)/python $(EXTRAS) test lint)
	@touch $@

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "tcptrace-py needs Python 3.11 or newer, and $(PYTHON) is not: try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "$(PYTHON) can not make environments: on Debian or Ubuntu, apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

.PHONY: wheel try-wheel

# The sdist and, from it, the wheel for this machine, in dist/ (FRESH=1: with nothing compiled before).
wheel: $(VENV)/built $(VENV)/release
	@$(BIN)/python packaging/wheel.py $(if $(FRESH),--fresh)

# Tries dist/*.whl in a fresh environment, without a compiler and without the sources (ROOMS="cli tcp": with tests).
try-wheel: $(VENV)/python
	@$(BIN)/python packaging/try_wheel.py $(if $(ROOMS),--tests $(ROOMS))

.PHONY: release docs

# The checklist of docs/releasing.md; stops at the first thing amiss (CHECKS=1: looks, and builds nothing).
release: $(VENV)/release
	@$(BIN)/python packaging/release.py $(if $(CHECKS),--checks)

# The site, strict, into build/site.
docs: $(VENV)/docs
	@DISABLE_MKDOCS_2_WARNING=true NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet -f packaging/site/mkdocs.yml
	@echo "build/site/index.html"

$(VENV)/docs: pyproject.toml $(VENV)/installed
	@echo "installing the tools for the documentation into $(VENV)"
	@$(PIP) install $$($(BIN)/python $(EXTRAS) docs)
	@touch $@

$(VENV)/release: pyproject.toml $(VENV)/installed
	@echo "installing the tools for releases into $(VENV)"
	@$(PIP) install $$($(BIN)/python $(EXTRAS) build release)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find tcptrace_py -name '*.so' -delete

.PHONY: pictures

# Makes the pictures of the manual anew, with Chromium.
pictures: $(VENV)/built $(VENV)/tools
	$(BIN)/python -m tests.pictures

.PHONY: bench lab lab-record

# Compares speed and memory with tcpdump (and PEERS=1: with other flow trackers); takes minutes.
bench: $(VENV)/built
	$(BIN)/python -m benchmarks $(if $(PEERS),--peers) $(WORKLOADS)

.PHONY: soak

# A month of live capture with its time compressed: memory must stay flat; takes minutes.
soak: $(VENV)/built $(VENV)/tools
	$(BIN)/python -m benchmarks.soak

.PHONY: bench-live

# Packets a second of a live capture beside tcpdump, on a veth pair, as root; takes a minute or two.
bench-live: $(VENV)/built $(VENV)/tools
	$(BIN)/python -m benchmarks.live

# Compares with the Linux kernel: real sockets in network namespaces, as root.
lab: $(VENV)/built $(VENV)/tools
	$(BIN)/python -m tests.lab

# Records that comparison anew, to be repeated where no namespace can be made.
lab-record: $(VENV)/built $(VENV)/tools
	rm -rf sample_pcaps/kernel
	$(BIN)/python -m tests.lab --record sample_pcaps/kernel

.PHONY: peers

# Compares with Zeek's baselines, with tshark and with tcptrace's reports; a row for each difference.
peers: $(VENV)/built $(VENV)/tools
	$(BIN)/python -m tests.peers
	$(BIN)/python -m pytest tests/peers

.PHONY: fuzz sanitize sanitized

# Hostile inputs for a minute; HOURS=8 for longer, SEED=n for others. What breaks is kept in fuzz/found.
SEED ?= 1
fuzz: $(VENV)/built $(VENV)/tools
	$(BIN)/python -m fuzz --seed $(SEED) --minutes $(if $(HOURS),$(shell expr 60 \* $(HOURS)),1)

# The engine compiled with AddressSanitizer and UndefinedBehaviorSanitizer, in build/sanitize; then in it
# all samples, mutated inputs (INPUTS=100000 for more) and the tests on hostile input.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
INPUTS ?= 20000
SANITIZED = LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
    PYTHONSAFEPATH=1 PYTHONPATH=build/sanitize/lib:. $(BIN)/python
sanitize: sanitized
	$(SANITIZED) -m fuzz --seed $(SEED) --inputs $(INPUTS) --jobs $(JOBS) --samples
	$(SANITIZED) -m pytest -q -p no:cacheprovider -o "pythonpath=build/sanitize/lib ." \
	    tests/hostile/test_inputs.py tests/wire/test_hostile.py tests/wire/test_ahead.py \
	    tests/capture/test_hostile.py

sanitized: $(VENV)/built $(VENV)/tools
	CFLAGS="-O0 -fno-omit-frame-pointer $(SANITIZE)" LDFLAGS="$(SANITIZE)" \
	    $(BIN)/python setup.py --quiet build --build-base build/sanitize/work --build-lib build/sanitize/lib
