# Verbs over meson and ninja; `make help` lists them. Each installs what it needs first (scripts/bootstrap).
BUILD     ?= build
PREFIX    ?= /usr/local
DESTDIR   ?=
BOOTSTRAP ?= scripts/bootstrap
FUZZ_SECONDS ?= 10

build: $(BUILD)/build.ninja          ## build everything into build/ (the default)
	ninja -C $(BUILD)

demo: build                          ## start the example, profile it for half a minute, show the report
	BUILD=$(BUILD) scripts/demo

test: build                          ## run every test
	meson test -C $(BUILD) --no-rebuild --print-errorlogs --num-processes $$(($$(nproc) + 1)) # half of them wait

check: build                         ## layers, handler symbols, exports, format, lint, both compilers without a warning
	BUILD=$(BUILD) scripts/check

bench: build                         ## measure against the tools that others use
	$(BOOTSTRAP) bench
	BUILD=$(BUILD) bench/run

soak: build                          ## 1,000 downloads of the rolling trace under load, by clients that leave
	TRACE_DOWNLOADS=1000 meson test -C $(BUILD) --no-rebuild --timeout-multiplier 0 --verbose test_trace

san: bootstrap                       ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	scripts/san

fuzz: bootstrap                      ## each fuzz target for FUZZ_SECONDS (10)
	$(BOOTSTRAP) fuzz
	scripts/fuzz $(FUZZ_SECONDS)

install: build                       ## install into PREFIX (/usr/local), below DESTDIR
	meson configure $(BUILD) --prefix=$(PREFIX)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then PATH=$$PATH:/sbin ldconfig; fi # or the loader does not find libpiko.so there

deb: bootstrap                       ## build Debian packages into build/deb/
	BUILD=$(BUILD) scripts/deb

format: bootstrap                    ## put every C file into the project's format
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

clean:                               ## remove everything that was built
	rm -rf $(BUILD) build-*/

help:                                ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

bootstrap:
	@$(BOOTSTRAP)

$(BUILD)/build.ninja: $(shell find src examples tests bench -name meson.build) | bootstrap
	scripts/configure $(BUILD)
	@touch $@

.PHONY: build demo test check bench soak san fuzz install deb format clean help bootstrap
