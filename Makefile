# The three commands of this repository, and what stands behind them. `make help` lists them.

CARGO ?= cargo
# Seeds that `make simulate` runs: a count, starting at FIRST.
SEEDS ?= 2000
FIRST ?= 1

CARGO_DENY_VERSION = 0.20.2
TOOLS = target/tools

.PHONY: help demo test check simulate figures fmt

help:
	@echo "make demo      three nodes on this machine: election, routes, a killed leader; nothing to install"
	@echo "make test      every test (20 simulated clusters, real processes, the documents' commands)"
	@echo "make check     format, clippy, documentation, licences; changes nothing"
	@echo "make figures   failover, acknowledged routes and memory of three real nodes on this machine"
	@echo "make simulate  SEEDS=$(SEEDS) simulated clusters from seed FIRST=$(FIRST)"

demo:
	$(CARGO) run --release --quiet -p raftwire-server --bin raftwire -- demo $(DEMO_FLAGS)

test:
	$(CARGO) test --workspace

check: $(TOOLS)/bin/cargo-deny
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(TOOLS)/bin/cargo-deny --log-level error check licenses bans sources

simulate:
	$(CARGO) run --release --quiet -p raftwire-simulation --bin simulate -- --seeds $(SEEDS) --first $(FIRST)

figures:
	$(CARGO) build --release --quiet -p raftwire-server --bin raftwire --example figures
	./target/release/examples/figures

# Built once, without optimisation: it runs for a second.
$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny@$(CARGO_DENY_VERSION) --locked --profile dev --root $(TOOLS) --quiet

fmt:
	$(CARGO) fmt --all
