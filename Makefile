# The commands a person needs: run, demo, test. `make help` lists all.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.Build=$(VERSION)
GO       ?= go
BIN      := bin
BUILDFLAGS := -trimpath
# Every build of this tree, wherever it lies, so finds what another one has compiled.
export GOFLAGS := $(GOFLAGS) -trimpath
DATA     ?= data

# Each tool has a module file of its own: their needs contradict each other, and
# would raise the versions of what the product links.
LINT     := $(GO) tool -modfile=.ci/tools/lint.mod golangci-lint

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: postgres
postgres: ## install PostgreSQL with the system's package manager when it is missing
	@deploy/install-postgres

.PHONY: build
build: postgres ## build the three programs into bin/
	@mkdir -p $(BIN)
	$(GO) build $(BUILDFLAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/whatsapp-manager ./cmd/whatsapp-worker ./cmd/wasim

.PHONY: run
run: build ## run the manager against the real WhatsApp, data in ./data
	WAM_DATA_DIR=$(DATA) $(BIN)/whatsapp-manager serve

.PHONY: demo
demo: build ## run the manager against the simulator, with accounts that pair and chat by themselves
	$(BIN)/whatsapp-manager demo

# The longest come first, so that no core waits for them at the end. Tests wait
# for processes, so four packages keep two cores busy. `make verify` vets. The
# files of the tests lie in memory where there is room.
.PHONY: test
test: postgres ## everything that must hold, with real processes (under ten minutes on two cores)
	@scratch=$$(.ci/scratch) && trap 'rm -rf "$$scratch"' EXIT; mkdir -m 711 "$$scratch/prepared"; \
	TMPDIR="$$scratch" WAM_TEST_PREPARED="$$scratch/prepared" \
	$(GO) test -p 4 -vet=off -timeout 900s ./cmd/whatsapp-manager/e2e ./worker ./cmd/chaos ./...
	@$(MAKE) --no-print-directory fuzz FUZZ_SHORT=yes

# A short run counts its inputs: at the end of a short time `go test` now and
# then reports the deadline itself as a failure.
FUZZ_TARGETS := ./worker/shape:FuzzIDs:50000x ./worker/shape:FuzzRender:20000x \
	./api/jsoncheck:FuzzCheckNeverPanics:90000x ./proto/egress:FuzzReadRequest:50000x
# Too slow to compile for each run of the tests, which run its seeds.
FUZZ_LONG := ./worker/relay:FuzzParams:2000x ./worker/inbound:FuzzTranslate:25000x ./worker/relay/value:FuzzInto:25000x \
	./api/linking:FuzzAnswers:5000x ./supervisor/moving/ratchet:FuzzRecords:20000x ./supervisor/moving/formats:FuzzNeutral:5000x \
	./supervisor/moving/formats:FuzzBaileys:5000x

.PHONY: fuzz
fuzz: ## look for input that breaks decoding, ids, translation or rendering: FUZZ_SECONDS=60 for each
	@for target in $(FUZZ_TARGETS) $(if $(FUZZ_SHORT),,$(FUZZ_LONG)); do IFS=: read -r package name count <<< "$$target"; \
		$(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(if $(FUZZ_SHORT),$$count,$(or $(FUZZ_SECONDS),60)s) "$$package"; done

.PHONY: race
race: postgres ## the same under the race detector, without the library's own races (.ci/race-suppressions)
	GORACE="suppressions='$(CURDIR)/.ci/race-suppressions'" $(GO) test -race -timeout 1800s ./...

.PHONY: bench
bench: postgres ## the product's figures, each beside a baseline of the same run (ARGS='-quick -only relay,send')
	$(GO) run ./cmd/bench $(ARGS)

.PHONY: soak
soak: postgres ## many instances under a steady load, and what grows: SOAK_SECONDS=600 INSTANCES=300 RATE=100
	$(GO) run ./cmd/bench -soak $(or $(SOAK_SECONDS),600)s -instances $(or $(INSTANCES),300) -rate $(or $(RATE),100)

.PHONY: bench-packages
bench-packages: postgres ## the benchmarks of single packages
	$(GO) test -run '^$$' -bench . -benchtime 2s ./...

.PHONY: soak-recovery
soak-recovery: postgres ## the randomized kill test, long: ROUNDS=1000 SEED=…
	WAM_ROUNDS=$(or $(ROUNDS),1000) WAM_SEED=$(SEED) $(GO) test -count=1 -timeout 3600s -run 'Random' -v ./supervisor ./cmd/whatsapp-manager/e2e

.PHONY: chaos
chaos: postgres ## break everything at random under load and count the messages: CHAOS_SECONDS=120 SEED=… INSTANCES=20
	$(GO) run ./cmd/chaos -seconds $(or $(CHAOS_SECONDS),120) -seed $(or $(SEED),0) -instances $(or $(INSTANCES),20)

.PHONY: attack
attack: postgres ## attack a fresh installation as a tenant, a taken-over worker and a stranger would: ARGS='-only worker,memory'
	$(GO) run ./cmd/attack $(ARGS)

.PHONY: generate
generate: ## write generated code anew (protobuf, SQL, method list, lists of licences)
	cd proto && $(GO) tool -modfile=../.ci/tools/buf.mod buf generate
	$(GO) generate ./...
	.ci/generated write

.PHONY: generate-check
generate-check: generate ## fail when the generators make something else than what is committed
	git diff --exit-code
	@test -z "$$(git status --porcelain)" || { git status --short; exit 1; }

.PHONY: verify
verify: ## static checks: linters (vet and staticcheck among them), formatting, tidy modules, generated code
	$(GO) mod tidy -diff
	.ci/generated check
	$(LINT) config verify
	$(LINT) run

.PHONY: format
format: ## format the sources the way that verify wants them
	$(LINT) fmt

.PHONY: govulncheck
govulncheck: ## look for known weaknesses in what is linked (asks the database of vuln.go.dev)
	$(GO) tool -modfile=.ci/tools/vuln.mod govulncheck ./...

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN)

.PHONY: compat
compat: build ## ask a running installation for every whatsapp-web.js method, look for its effect, write api/COMPATIBILITY.md
	$(GO) run ./cmd/compat -bin $(BIN) -report api/COMPATIBILITY.md
