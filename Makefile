# Every chore of the project by name. `make` alone lists them; reading this file never needs the network.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# How long each fuzz target runs: long enough to leave the seeds behind, short enough to wait for.
FUZZTIME ?= 20s

# Without cgo the executables need no C library: they run on any Linux, and every node starts sooner.
BUILD := CGO_ENABLED=0 $(GO)
PROGRAMS := ./cmd/gossipctl ./cmd/gossipctl-graph

.PHONY: help build demo test chaos bench bench-sim bench-slow bench-record bench-assemble bench-memberlist predict literature pictures fuzz lint format vet staticcheck tidy-check install clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## put gossipctl and gossipctl-graph in bin/
	$(BUILD) build -trimpath -o bin/ $(PROGRAMS)

demo: build ## start a network, send a message through it, show its way, stop
	@scripts/demo.sh

# Tests that start hundreds of processes and wait seconds for them come last and alone: beside others that
# keep every core busy they would wait in vain. Bugs are planted in nodes of a build of their own.
test: ## run every test, under the race detector
	$(GO) test -tags planted -run Planted ./sim ./scenario
	$(GO) test -race $$($(GO) list ./... | grep -vxE 'gossipctl/(netctl|cmd|scenario/live)')
	$(GO) test -race -p 1 -timeout 20m ./netctl ./cmd
	$(GO) test -race -parallel 6 -timeout 20m ./scenario/live
	$(GO) -C bench/memberlist test ./...

chaos: build ## random faults: 20,000 seeds in the simulator, 25 rounds on real processes
	bin/gossipctl run-scenario chaos --simulate --seeds 1..20000
	$(GO) test -count=1 -parallel 6 -timeout 20m -run 'Chaos|HardTimes|Movies' ./scenario/live

bench: build ## measure bin/gossipctl from outside
	$(GO) run ./bench --gossipctl bin/gossipctl

bench-sim: build ## measure the simulator: nanoseconds an event and a node, up to ten million nodes
	$(GO) run ./bench/simulator --gossipctl bin/gossipctl

bench-slow: build ## measure what one stopped neighbour costs the others
	$(GO) run ./bench/slowpeer --gossipctl bin/gossipctl

bench-record: build ## measure what start-network --record costs
	$(GO) run ./bench/record --gossipctl bin/gossipctl

bench-assemble: build ## measure how long real nodes take to find each other from one contact
	$(GO) run ./bench/assemble --gossipctl bin/gossipctl

bench-memberlist: build ## compare how fast a death is known, with swim and with hashicorp/memberlist
	$(GO) -C bench/memberlist run . --gossipctl $(CURDIR)/bin/gossipctl

predict: build ## compare real networks with simulated ones; UPDATE=1 writes docs/predicted.md
	$(GO) run ./bench/predict --gossipctl bin/gossipctl $(if $(UPDATE),--update docs/predicted.md)

literature: ## compare the simulator with the literature at full size (a quarter of an hour) and write docs/literature.md
	$(GO) test ./lab -run TestLiterature -full -update -timeout 2h -v

pictures: build ## draw the pictures of README.md anew, from a real network
	@scripts/pictures.sh

fuzz: ## run each fuzz target for FUZZTIME (20s)
	@scripts/fuzz.sh $(FUZZTIME)

lint: format vet staticcheck ## gofmt, go vet and staticcheck; all must be silent

format:
	@found=$$(gofmt -l .); test -z "$$found" || { printf 'gofmt would change:\n%s\n' "$$found" >&2; exit 1; }

vet:
	$(GO) vet ./...
	$(GO) vet -tags planted ./node ./sim ./scenario
	$(GO) -C bench/memberlist vet ./...

staticcheck:
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	$(GO) tool -modfile=tools/go.mod staticcheck -tags planted ./node ./sim ./scenario
	$(GO) -C bench/memberlist tool -modfile=$(CURDIR)/tools/go.mod staticcheck ./...

tidy-check: ## see that all go.mod files say what the code needs
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	$(GO) -C bench/memberlist mod tidy -diff

install: ## go install both programs, side by side
	$(BUILD) install -trimpath $(PROGRAMS)

clean: ## remove what the other targets have made
	rm -rf bin coverage.out
