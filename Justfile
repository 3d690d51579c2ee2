# Every developer verb. `./hearth VERB` installs what is missing first.

set positional-arguments

# Build and start homeserver, agent and wizard on this machine: ./hearth run [--data DIR] [--server-name NAME] [--listen ADDRESS:PORT] [--plain] [--token TOKEN] [--no-rate-limits] [--no-wizard]
run *options: build
    @tests/run-native "$@"

# Build the release binaries
build: web
    @cargo build --release --quiet --package hearth-homeserver --package hearth-agent

# Build the page of the wizard, which the agent holds
web:
    @web-setup/build

# Run every test; ends with a line of counts
test: build
    @tests/run-all

# Formatting, lints, licences and duplicates alone
check: web
    @tests/run-all check

# Measure against Synapse in one run and print the ratio of each figure
bench *options: build
    @cargo build --release --quiet --target-dir "$CARGO_TARGET_DIR/tests" --manifest-path tests/Cargo.toml --package hearth-load
    @"$CARGO_TARGET_DIR/tests/release/hearth-load" bench --hearth "$CARGO_TARGET_DIR/release/hearth-homeserver" --synapse tests/peers/synapse "$@"

# Throw bytes at every parser (needs Rust's nightly): ./hearth fuzz [TARGET] [SECONDS]
fuzz *options:
    @homeserver/fuzz/run "$@"

# Benchmark the state trie and the store alone
bench-parts:
    cargo bench --package hearth-state
    cargo bench --package hearth-store

# Build the flashable image of a board: ./hearth image BOARD [--refresh]
image *options:
    @image/build "$@"

# Start a board's image in QEMU and say when its wizard answers: ./hearth boot [BOARD] [--fresh] [--backup-disk FILE] ...
boot *options:
    @image/boot "$@"

# Boot the image in QEMU: first boot, power cuts, slots, factory reset, a family that moves to another box
test-image: web
    @cargo build --quiet --target-dir "$CARGO_TARGET_DIR/tests" --manifest-path tests/Cargo.toml --package hearth-test-clients --bin family
    @cd tests/web && npm ci --silent --no-audit --no-fund
    @HEARTH_FAMILY="$CARGO_TARGET_DIR/tests/debug/family" tests/image/run

# Boot the images of the Raspberry Pi 3 and 4 on the Pis that QEMU has
test-pis: web
    @tests/image/run pis

# Disks, encrypted volumes, the clock: what the agent asks of its machine, on a PC in QEMU with and without AES (x86-64 alone)
test-box:
    @CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$PWD/appliance-agent/system/tests/box/run" cargo test --quiet --package hearth-system --lib

# Walk the page in Chromium, on the real agent with a faked machine
test-web: build
    @cd tests/web && npm ci --silent --no-audit --no-fund
    @cd tests/web && HEARTH_AGENT="$CARGO_TARGET_DIR/release/hearth-agent" HEARTH_HOMESERVER="$CARGO_TARGET_DIR/release/hearth-homeserver" npm test --silent
