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
	REQUIRE_INTEGRATION=1 $(GO) test -race -shuffle=on -count=1 ./...

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
run: servers build ## start a throw-away Latchkey with its servers and a few people
	$(GO) build -o bin/latchkey-demo ./cmd/latchkey-demo
	bin/latchkey-demo

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (30s) each
	@grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed -E 's,^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*,\1 \2,' | \
	while read -r package name; do $(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "$$package"; done

.PHONY: servers
servers: ## install the servers that the tests use, if they are missing
	@testdata/servers.sh
