# Every developer verb. `./hearth VERB` installs what is missing first.

set positional-arguments

# Build and start the homeserver on this machine: ./hearth run [--data DIR] [--server-name NAME] [--listen ADDRESS:PORT] [--plain] [--token TOKEN] [--no-rate-limits]
run *options: build
    @exec "$CARGO_TARGET_DIR/release/hearth-homeserver" run --data "${XDG_DATA_HOME:-$HOME/.local/share}/hearth" "$@"

# Build the page of the wizard and the dashboard, where it has changed
web:
    @web-setup/build

# Build the release binary
build: web
    @cargo build --release --quiet --package hearth-homeserver

# Run every test; ends with a line of counts
test: build
    @tests/run-all

# Formatting, lints, licences and duplicates alone
check:
    @tests/run-all check

# Measure against Synapse in one run and print the ratio of each figure
bench *options: build
    @cargo build --release --quiet --target-dir "$CARGO_TARGET_DIR/tests" --manifest-path tests/Cargo.toml --package hearth-load
    @"$CARGO_TARGET_DIR/tests/release/hearth-load" bench --hearth "$CARGO_TARGET_DIR/release/hearth-homeserver" --synapse tests/peers/synapse "$@"

# Benchmark the state trie and the store alone
bench-parts:
    cargo bench --package hearth-state
    cargo bench --package hearth-store
