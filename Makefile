# The three commands of this repository, and what stands behind them. `make help` lists them.

CARGO ?= cargo
# Seeds that `make simulate` runs: a count, starting at FIRST.
SEEDS ?= 2000
FIRST ?= 1

CARGO_DENY_VERSION = 0.20.2
KOSOKU_VERSION = 0.1.0
TOOLS = target/tools
KOSOKU = $(TOOLS)/kosoku-$(KOSOKU_VERSION)

.PHONY: help demo test check simulate counts figures figures-transports bench fmt autobahn autobahn-compression redis rabbitmq valgrind

help:
	@echo "make demo      three nodes on this machine: election, routes, a killed leader; nothing to install"
	@echo "make test      every test (32 simulated clusters, real processes and brokers, Autobahn's cases, the documents' commands)"
	@echo "make check     format, clippy, documentation, licences; changes nothing"
	@echo "make counts    instructions of a message's way, printed and recorded: what a test holds later ones against"
	@echo "make figures   failover, acknowledged routes, names and memory of real nodes on this machine"
	@echo "make figures-transports  rates and latency over each transport, beside each broker's own limit"
	@echo "make bench     beside NATS, Socket.IO, socketioxide, ws, uWebSockets and bare programs, in turns; docs/performance.md"
	@echo "make autobahn-compression  Autobahn's 216 cases of compressed messages, of which make test runs some; minutes"
	@echo "make simulate  SEEDS=$(SEEDS) simulated clusters from seed FIRST=$(FIRST)"

demo:
	$(CARGO) run --release --quiet -p raftwire-server --bin raftwire -- demo $(DEMO_FLAGS)

# What counts instructions is built first, and seen to be: the test that runs it would do it unseen.
test: autobahn redis rabbitmq valgrind
	$(CARGO) build --release -p raftwire-counts
	$(CARGO) test --workspace

check: $(TOOLS)/bin/cargo-deny
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(TOOLS)/bin/cargo-deny --log-level error check licenses bans sources

simulate:
	$(CARGO) run --release --quiet -p raftwire-simulation --bin simulate -- --seeds $(SEEDS) --first $(FIRST)

counts: valgrind
	$(CARGO) run --release --quiet -p raftwire-counts -- --record

figures:
	$(CARGO) build --release --quiet -p raftwire-server --bin raftwire --example figures
	./target/release/examples/figures

figures-transports: redis rabbitmq
	$(CARGO) build --release --quiet -p raftwire-server --example transports
	./target/release/examples/transports $(TRANSPORTS_FLAGS)

# Peers come from PyPI, npm and crates.io into target/peers; what cannot be installed is left out, and said.
bench:
	$(CARGO) build --release --quiet -p raftwire-server -p raftwire-bench-limits -p raftwire-bench-compare --bins
	./target/release/compare $(BENCH_FLAGS)

# Built once, without optimisation: it runs for a second.
$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny@$(CARGO_DENY_VERSION) --locked --profile dev --root $(TOOLS) --quiet

# Autobahn's cases on a runner that takes seconds; a test of the server runs it.
autobahn: $(KOSOKU)/mended

autobahn-compression: autobahn
	AUTOBAHN_COMPRESSION=all $(CARGO) test -p raftwire-server --test autobahn compressed

# The runner gives its cases of compression what came uncompressed as text, a character for each byte where it is
# binary, and they take bytes only: without this they end with "Strings must be encoded before hashing" wherever a
# server does not compress what is small.
KOSOKU_CASES = cases/case12_x_x.py
KOSOKU_RECEIVE = def onMessage(self, msg, binary):

$(KOSOKU)/mended: $(KOSOKU)/bin/kosoku
	@cases=$$(ls $(KOSOKU)/lib/python3*/site-packages/kosoku/$(KOSOKU_CASES)) && \
		sed -i 's/^$(KOSOKU_RECEIVE)$$/&\n   msg = msg.encode("latin-1" if binary else "utf-8") if isinstance(msg, str) else msg/' "$$cases" && \
		grep -q 'msg = msg.encode(' "$$cases" \
		|| { echo "kosoku $(KOSOKU_VERSION) is not as it was: $(KOSOKU_CASES)" >&2; exit 1; }
	@touch $@

# As root the missing Debian package is installed; anybody else is told its name.
$(KOSOKU)/bin/kosoku:
	@mkdir -p $(TOOLS) && rm -rf $(KOSOKU)
	@python3 -c 'import ensurepip, venv' 2>/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null; } \
		|| { echo "Autobahn's cases need Python 3.10 or newer with venv: apt install python3-venv" >&2; exit 1; }
	@python3 -m venv $(KOSOKU)
	@$(KOSOKU)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: kosoku==$(KOSOKU_VERSION) \
		|| { echo "Autobahn's cases (kosoku $(KOSOKU_VERSION) of PyPI) need PyPI and Python 3.10 or newer" >&2; exit 1; }

# Private servers for the tests of the transport over Redis; none is left running.
redis:
	@{ command -v redis-server && command -v redis-sentinel && command -v redis-cli; } >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y redis-server redis-sentinel >/dev/null; } \
		|| { echo "the tests need Redis 7: apt install redis-server redis-sentinel" >&2; exit 1; }

# Private brokers for the tests of the transport over RabbitMQ. RUNLEVEL keeps Debian from starting one
# of its own when the package is installed.
rabbitmq:
	@test -x /usr/lib/rabbitmq/bin/rabbitmq-server \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends rabbitmq-server >/dev/null; } \
		|| { echo "the tests need RabbitMQ: apt install rabbitmq-server" >&2; exit 1; }

# Counts instructions, on a machine that does other things as well.
valgrind:
	@command -v valgrind >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends valgrind >/dev/null; } \
		|| { echo "the tests need valgrind: apt install valgrind" >&2; exit 1; }

fmt:
	$(CARGO) fmt --all
