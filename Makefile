# Every target installs what it needs; a second run installs nothing again.
SHELL := /bin/bash
CARNA := node dist/src/bin/carna.js
SOURCES := $(shell find src test -name '*.ts' -o -name '*.sql' | sort)

.PHONY: help demo test test-images marathon-up unit sim bench lab-up lab-down images images-clean mutants build check format readme packages clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: packages build ## The story on this machine: real calls, a killed media node, its healing
	@$(CARNA) lab demo

test: packages build ## All tests: units, real servers, the story from end to end
	@node dist/test/run.js

test-images: packages build ## The container images: built, started, killed; on a private Docker engine where none runs
	@images/test.sh

marathon-up: packages build ## The platform in containers behind a stand-in for Marathon: try carna deploy, scale, rollout under calls
	@images/test.sh play

unit: build ## Only the tests that need no server
	@node dist/test/run.js unit

mutants: packages build ## Each safeguard taken out in turn: which test notices; ONLY="NAME..." for some
	@node dist/test/mutants/run.js $(ONLY)

sim: build ## Simulated faults on registry, reconciler and applier: SEEDS=10000, FROM=1, TRACE=1
	@SEEDS="$(SEEDS)" FROM="$(FROM)" TRACE="$(TRACE)" node dist/test/sim/run.js

bench: packages build ## The figures of the budgets, beside their baseline, as a table and as JSON
	@$(CARNA) lab bench --json-file bench-result.json

lab-up: packages build ## Bring the platform up on loopback and leave it running
	@$(CARNA) lab up

lab-down: build ## Stop it, leave nothing behind
	@$(CARNA) lab down

images: build ## The container images, from Debian's mirror and npm alone, into the Docker engine of DOCKER_HOST
	@images/build.sh

images-clean: ## Remove the images that were made here
	@images/prune.sh

build: dist/.built ## Compile into dist/

check: build ## Format and lint
	@npm run --silent format:check
	@npm run --silent lint

format: node_modules/.package-lock.json ## Rewrite the files in the project's format
	@npm run --silent format

readme: build ## Rewrite README's tables of settings and error codes
	@node dist/test/write-readme.js && npx --no-install prettier --write README.md >/dev/null

packages: ## Install the Debian packages that are missing (as root), or name them
	@.ci/packages

clean: ## Remove what was built
	rm -rf dist node_modules

dist/.built: node_modules/.package-lock.json tsconfig.json package.json $(SOURCES)
	@npm run --silent build
	@touch $@

node_modules/.package-lock.json: package-lock.json
	@command -v node >/dev/null || { echo "node is missing: Carna needs Node 20.11 or newer" >&2; exit 3; }
	@npm ci --silent --no-progress
	@touch $@
