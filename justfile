# `just` lists the recipes; `just demo` and `just test` set up what they need.

set shell := ["bash", "-euo", "pipefail", "-c"]

# List the recipes
default:
    @just --list

# Install a database server (MariaDB) unless one is there
setup:
    scripts/install-server

# See dbtool at work on a private throwaway server with demo data
demo: setup
    cargo build
    scripts/demo

# Everything that must pass: format, lints, all tests, the tests on MySQL and MariaDB 11.8, documentation
test: setup
    scripts/test

# The tests that need no server, in seconds
unit:
    cargo test --lib

# Format and lints only
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# The documentation of the code, with every warning an error
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# Unpack MySQL beside the checkout, without touching the system
fetch-mysql:
    scripts/fetch-server mysql

# Galera, Group Replication, replicas and a proxy, on this machine
test-cluster: setup fetch-mysql
    scripts/fetch-server galera
    scripts/fetch-server haproxy
    cargo test --test it cluster:: -- --ignored --test-threads=1

# Six jobs at once on a small server, 2,000 connections listed, and short commands beside the server's client
bench-connections: setup
    cargo build --release --bin dbtool --example exit_paths
    cargo bench --bench connections --bench many_connections

# The backfill beside a row-by-row client and one unbounded INSERT … SELECT
bench-backfill: setup
    cargo bench --bench backfill

# A table of 500,000 rows is changed online beside pt-online-schema-change and the plain ALTER (BENCH_ROWS=5000000 for more)
bench-online: setup
    cargo bench --bench online

# Peak memory of each command over 100,000 bookings (BENCH_BOOKINGS=N for another number)
bench-memory: setup
    cargo bench --bench memory

# check-schema over 10, 100 and 1,000 tables
bench-schema: setup
    cargo bench --bench schema

# Writers lose nothing while online changes are killed at random (DBTOOL_ONLINE_KILLS=N times)
soak-online: setup
    cargo build
    cargo test --test it online_change::soak -- --ignored --nocapture

# No command over ten megabytes, by the optimised program
test-memory: setup
    cargo test --test it memory:: -- --ignored --test-threads=1

# Build and install the dbtool command for this user
install:
    cargo install --path . --locked
