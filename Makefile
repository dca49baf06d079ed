SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
TOOL := $(GO) tool -modfile=go.tool.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 30s

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: test
test: servers check ## install what the tests need, check, run all tests on the real servers
# The tests wait more than they compute, so that more of them run at once than
# there are processors, and the longest begin first. vet has been run; and the
# race detector would have every program sleep for a second at its end.
	REQUIRE_INTEGRATION=1 GORACE=atexit_sleep_ms=0 $(GO) test -race -vet=off -p 3 -parallel 4 -shuffle=on -count=1 -timeout 30m ./internal/blackbox ./ldapsync ./internal/directory ./internal/contact ./...
	$(MAKE) --no-print-directory fuzz-brief

.PHONY: soak
soak: servers ## run the long versions of the tests; SOAKED=REGEXP picks tests
	SOAK=1 REQUIRE_INTEGRATION=1 $(GO) test -race -count=1 -parallel 4 -timeout 3h -run '$(SOAKED)' ./internal/blackbox ./ldapsync

.PHONY: check
check: ## format, vet and staticcheck; needs no server
	@unformatted="$$($(TOOL) gofumpt -l .)"; \
	if [[ -n "$$unformatted" ]]; then printf 'not formatted (run make format):\n%s\n' "$$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

.PHONY: format
format: ## rewrite the source as gofumpt wants it
	$(TOOL) gofumpt -w .

.PHONY: unit
unit: ## run the tests that this machine can run; the others say what they miss
	$(GO) test ./...

.PHONY: build
build: ## build bin/latchkey
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/latchkey ./cmd/latchkey

.PHONY: run
# Where there is only Go and make, there may be no bash.
run: SHELL := /bin/sh
run: .SHELLFLAGS := -ec
run: ## show Latchkey with a few people, all in one process; DEMO="-addr 127.0.0.1:8090" moves it
	$(GO) build -buildvcs=false -o bin/latchkey-demo ./cmd/latchkey-demo
	@exec bin/latchkey-demo $(DEMO)

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (30s) each, from where the last run ended
	FUZZCACHE="$${FUZZCACHE:-$$($(GO) env GOCACHE)/fuzz-latchkey}" GO="$(GO)" testdata/fuzz.sh $(FUZZTIME)

.PHONY: fuzz-brief
fuzz-brief: ## run every fuzz test for half a second
	FUZZJOBS=2 FUZZPARALLEL=1 FUZZGUIDE=own GO="$(GO)" testdata/fuzz.sh 500ms

.PHONY: screenshots
screenshots: servers ## make the pictures of the README anew, in Chromium
	PICTURES="$$PWD/docs/images" REQUIRE_INTEGRATION=1 $(GO) test -count=1 -run '^TestPictures$$' ./internal/blackbox

.PHONY: mutants
mutants: servers ## break each rule once and see its test fail; MUTANTS=REGEXP picks tests
	$(GO) run ./internal/mutants -baseline -run '$(MUTANTS)'

.PHONY: vuln
vuln: ## look the modules up in the Go vulnerability database; needs the internet
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: sbom
sbom: build ## write bin/latchkey.cdx.json, what is built into bin/latchkey (CycloneDX)
	$(GO) run ./internal/sbom bin/latchkey > bin/latchkey.cdx.json

.PHONY: reproducible
reproducible: ## build in two places and compare the bytes
	GO="$(GO)" VERSION="$(VERSION)" testdata/reproducible.sh

.PHONY: bench
bench: servers ## measure complete resets beside bare password writes (BENCH_SECONDS, BENCH_JSON, BENCH_PROFILES)
	$(GO) build -trimpath -tags bench -ldflags '-X main.version=$(VERSION)' -o bin/latchkey-measured ./cmd/latchkey
	$(GO) build -trimpath -o bin/latchkey-bench ./cmd/latchkey-bench
	@bin/latchkey-bench

.PHONY: bench-sync
bench-sync: servers ## measure synchronizations beside their raw limits (BENCH_SYNC_PEOPLE, BENCH_JSON)
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/latchkey ./cmd/latchkey
	$(GO) build -trimpath -o bin/latchkey-bench ./cmd/latchkey-bench
	@bin/latchkey-bench -sync -program bin/latchkey

.PHONY: servers
servers: ## install the servers that the tests use, if they are missing
	@testdata/servers.sh
