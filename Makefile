# `make` lists what can be done. Everything a target needs beyond a Rust toolchain it installs itself.

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz growth plans faults prove soak contrast bench-engine check fmt accept services docs deny clean lint tree unit
SHELL := /bin/bash

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a full sync of 1,000 members against a simulated Discord; needs only Rust (ARGS="--members 5000")
	cargo run --locked --profile demo -- demo $(ARGS)

test: ## every test, with its own Redis, Mongo server and Chromium (ARGS="-E 'test(sync)'" as for nextest)
	@scripts/cargo-tool cargo-nextest
	@scripts/test-services scripts/run-tests $(ARGS)

fuzz: ## a minute of damaged bytes for everything that is read from outside (ROLECALL_FUZZ_SEED repeats a run)
	@scripts/cargo-tool cargo-nextest
	@ROLECALL_FUZZ_SECONDS=$${ROLECALL_FUZZ_SECONDS:-5} cargo nextest run --locked -p rolecall -p rolecall-adapters --lib \
		-E 'test(/::fuzz_/)' --success-output final

growth: ## bytes of a job in the embedded store, and what a year makes of them (docs/growth.md)
	@cargo run --locked --quiet -p rolecall-adapters --example growth

plans: ## a million jobs in the embedded store: every list is served by an index, and what it takes here
	@cargo test --locked --quiet -p rolecall-adapters --lib -- --ignored --nocapture with_a_million_jobs

faults: ## kill and break real processes in every way there is, check that nothing is lost, write docs/reliability.md (ARGS="--only K5")
	@scripts/faults run $(ARGS)

prove: ## take away each mechanism that keeps jobs right, and see that a scenario of `make faults` notices (ARGS="--only Fence")
	@scripts/faults prove $(ARGS)

soak: ## work and break at random for ten minutes, and check (ARGS="--minutes 2 --seed 7 --mode embedded")
	@scripts/faults soak $(ARGS)

contrast: ## break a worker on plain apalis-redis in the same ways, beside rolecall
	@scripts/faults contrast $(ARGS)

bench-engine: ## jobs that do nothing through the whole engine, beside BullMQ and Celery; writes docs/benchmarks.md (ARGS="--only embedded")
	@scripts/bench-engine $(ARGS)

check: lint deny tree unit ## what a change must pass before it is shown: format, lints, licences, unit tests

fmt: ## format the code
	cargo fmt --all

accept: ## take the snapshots that the last `make test` found changed
	@scripts/cargo-tool cargo-insta
	cargo insta accept --workspace

services: ## keep the servers of the tests running, and print how to reach them
	@scripts/test-services

docs: ## write openapi.json
	cargo run --locked --quiet -- openapi > openapi.json.new
	mv openapi.json.new openapi.json

deny: ## licences, sources, forbidden crates and advisories of the dependencies
	@scripts/deny

clean: ## remove what was built and installed here
	cargo clean
	rm -rf .services

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

tree:
	@scripts/check-tree

unit:
	@scripts/cargo-tool cargo-nextest
	@scripts/test-services cargo nextest run --workspace --lib --locked
