# Berth.  `make` builds build/berth; `make help` names the other targets.
#
#   MODE=release|debug|asan   a build of its own each: build/berth, build/debug/berth, build/asan/berth
#                             (fuzz: what `make fuzz` builds with clang; coverage: `make sim-coverage`)
#   CC=clang                  any gcc from 12 or clang from 14
#   CC_aarch64= CC_x86_64=    the compiler for the other architecture (a task's sandbox)
#   V=1                       show the commands
#   WERROR=                   warnings are no errors, for compilers newer than these
#   PREFIX= DESTDIR=          where `make install` puts it
MODE    ?= release
PREFIX  ?= /usr/local
WERROR  ?= -Werror
DESTDIR ?=

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(filter $(MODE),release debug asan fuzz coverage),)
$(error MODE is release, debug, asan, fuzz or coverage, not '$(MODE)')
endif

BUILD := build/$(MODE)
OBJ   := $(BUILD)/obj
BERTH := $(if $(filter release,$(MODE)),build/berth,$(BUILD)/berth)

Q   := $(if $(V),,@)
say  = $(if $(V),,@printf '%-5s %s\n' $1 $2)

all: program

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all program FORCE

# ---- Packages and libraries -----------------------------------------------------------------------

# Made again before anything else is built, so that pkg-config is asked only once all is installed.
LIBRARIES := libgit2 yaml-0.1 libcurl jansson libuv libmicrohttpd sqlite3 libarchive libcrypto

ifneq ($(filter-out clean deps help uninstall,$(or $(MAKECMDGOALS),all)),)
include build/config.mk
endif

build/config.mk: .make/deps Makefile
	@.make/deps build
	@mkdir -p $(@D)
	@{ echo "PKG_CFLAGS := $$(pkg-config --cflags $(LIBRARIES))" && \
	   echo "PKG_LIBS := $$(pkg-config --libs $(LIBRARIES))" && \
	   pkg-config --exists --print-errors $(LIBRARIES); } >$@

PUBLIC += deps
deps: ## install the Debian packages that building, running and testing need
	@.make/deps build test
.PHONY: deps-test
deps-test:
	@.make/deps build test

# ---- Compiler -------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wwrite-strings -Wcast-qual -Wpointer-arith -Wundef -Wvla -Wformat=2 \
    -Wimplicit-fallthrough -Wswitch-enum -Wconversion $(WERROR)

FLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
FLAGS_debug   := -O0 -g3
FLAGS_asan    := -Og -g1 -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined
FLAGS_coverage := -O0 -g --coverage
FLAGS_fuzz    := $(FLAGS_asan) -fsanitize=fuzzer-no-link

BERTH_CPPFLAGS := -D_GNU_SOURCE -I.
BERTH_CFLAGS    = -std=gnu17 $(WARNINGS) $(FLAGS_$(MODE)) -fPIE -fno-common -fvisibility=hidden \
    -fstack-protector-strong $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
# gold links instrumented programs in half the time.
LINKER_asan    := -fuse-ld=gold
BERTH_LDFLAGS   = $(FLAGS_$(MODE)) $(LINKER_$(MODE)) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
BERTH_LIBS      = $(PKG_LIBS) -lm

# A file that changes only when its content does; everything built from it follows.
define stamp # file, content
$1: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$2)' | cmp -s - $$@ || printf '%s\n' '$$(subst ','\'',$2)' >$$@
endef
$(eval $(call stamp,$(BUILD)/flags,$$(CC) $$(BERTH_CPPFLAGS) $$(BERTH_CFLAGS) $$(BERTH_LDFLAGS)))

$(OBJ)/%.o: %.c $(BUILD)/flags | build/config.mk
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(BERTH_CPPFLAGS) $(BERTH_CFLAGS) -MMD -MP -c -o $@ $<

# ---- The program ----------------------------------------------------------------------------------

# Every .c of the three floors is in the archive, except the program's main and what runs inside
# containers (freestanding, built by a rule of its own and embedded).
FLOORS   := $(wildcard spec drivers reconciler)
SOURCES  := $(if $(FLOORS),$(sort $(shell find $(FLOORS) -name '*.c' \
    -not -path 'reconciler/main.c' -not -path 'drivers/docker/sandbox/*')))

# Embedded files.  Each becomes an object of the archive with the symbols `embed_PATH` and
# `embed_PATH_end`, where PATH has '_' for all that C does not allow in a name: .make/embed.S.
# Anything that make can build may be listed, build/gen/... included.
SANDBOXES := build/gen/sandbox-x86_64 build/gen/sandbox-aarch64
EMBEDDED  := $(SANDBOXES) $(sort $(wildcard reconciler/api/dashboard/*))

# The program of a task's sandbox has no C library and knows no mode: one small static file for each
# architecture that an engine may have.  This machine's is made by the compiler of the program.
CC_x86_64  ?= x86_64-linux-gnu-gcc
CC_aarch64 ?= aarch64-linux-gnu-gcc
sandbox_cc  = $(if $(filter $1-%,$(shell $(CC) -dumpmachine)),$(CC),$(CC_$1))
SANDBOX_FLAGS := -std=gnu17 -Os -Wall -Wextra -Wpedantic -Wconversion $(WERROR) -ffreestanding \
    -fno-stack-protector -fno-pie -fno-asynchronous-unwind-tables -static -nostdlib \
    -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -s
$(SANDBOXES): build/gen/sandbox-%: drivers/docker/sandbox/sandbox.c Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(call sandbox_cc,$*) $(SANDBOX_FLAGS) -o $@ $<

ARCHIVE  := $(BUILD)/libberth.a
OBJECTS  := $(SOURCES:%.c=$(OBJ)/%.o) $(EMBEDDED:%=$(OBJ)/%.embed.o)

$(OBJ)/%.embed.o: % .make/embed.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,embed,$<)
	$(Q)$(CC) -c -o $@ -DFILE='"$<"' -DSYMBOL=embed_$(shell echo '$*' | tr -c 'A-Za-z0-9\n' _) .make/embed.S

# The version is known to one object only, so that a commit does not build everything again.
VERSION := $(shell git -c safe.directory='*' describe --always --dirty 2>/dev/null || echo 0.1.0)
$(eval $(call stamp,build/version,$$(VERSION)))
$(OBJ)/reconciler/cli/version.o: BERTH_CPPFLAGS += -DBERTH_VERSION='"$(VERSION)"'
$(OBJ)/reconciler/cli/version.o: build/version

# Written anew each time: a member whose source is gone must not stay.
$(eval $(call stamp,$(BUILD)/objects,$$(OBJECTS)))
$(ARCHIVE): $(OBJECTS) $(BUILD)/objects
	@rm -f $@
	@ar crsD $@ $(OBJECTS)

$(BERTH): $(OBJ)/reconciler/main.o $(ARCHIVE)
	$(call say,link,$@)
	$(Q)$(CC) $(BERTH_LDFLAGS) -o $@ $(OBJ)/reconciler/main.o $(ARCHIVE) $(BERTH_LIBS)

program: $(if $(wildcard reconciler/main.c),$(BERTH),$(ARCHIVE))

# ---- Tests ----------------------------------------------------------------------------------------

# tests/unit/test_NAME.c is a program of its own; the other .c files there help all of them.  All are
# one file, which is linked once, and does what the name says by which it is called.  It stays where it
# is linked to: to move what is checked by sanitizers takes longer than many of them run.
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(UNIT_SOURCES),$(sort $(wildcard tests/unit/*.c)))
UNITS        := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/tests/%)

$(eval $(call stamp,build/gen/units.def,$(foreach name,$(notdir $(UNITS)),UNIT($(name)))))
$(OBJ)/tests/unit/main.o: build/gen/units.def
$(UNIT_SOURCES:%.c=$(OBJ)/%.o): private BERTH_CFLAGS += -Dmain=$(notdir $*)_main -Wno-missing-prototypes
$(UNIT_SOURCES:%.c=$(OBJ)/%.o) $(UNIT_HELPERS:%.c=$(OBJ)/%.o): | deps-test

$(BUILD)/tests/units: $(UNIT_SOURCES:%.c=$(OBJ)/%.o) $(UNIT_HELPERS:%.c=$(OBJ)/%.o) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(BERTH_LDFLAGS) -no-pie -o $@ $(filter %.o,$^) $(ARCHIVE) $(BERTH_LIBS) -lcmocka

$(UNITS): $(BUILD)/tests/units
	@ln -sfn units $@

.PHONY: units
units: $(UNITS)

# Simulated lives: the program's own planner, cycle and executor on a virtual clock.  tests/sim brings
# its own loop and store, which the linker takes in place of those in the archive.
SIM_SOURCES := $(sort $(wildcard tests/sim/*.c))
SIM         := $(BUILD)/tests/sim

$(SIM): $(SIM_SOURCES:%.c=$(OBJ)/%.o) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(BERTH_LDFLAGS) -o $@ $(filter %.o,$^) $(ARCHIVE) $(BERTH_LIBS)

SEED  ?= 1
SEEDS ?= 2000

# tests/it/NAME.c is a program that the scripts there use.
PROBES := $(patsubst tests/it/%.c,$(BUILD)/tests/it/%,$(wildcard tests/it/*.c))

$(PROBES): $(BUILD)/tests/it/%: $(OBJ)/tests/it/%.o $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(BERTH_LDFLAGS) -o $@ $(filter %.o,$^) $(ARCHIVE) $(BERTH_LIBS)

# tests/it/preload/NAME.c is loaded into the program by a script there.
PRELOADS := $(patsubst tests/it/preload/%.c,$(BUILD)/tests/it/%.so,$(wildcard tests/it/preload/*.c))

$(PRELOADS): $(BUILD)/tests/it/%.so: tests/it/preload/%.c $(BUILD)/flags | build/config.mk
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(BERTH_CPPFLAGS) $(BERTH_CFLAGS) -fPIC -shared -o $@ $<

.PHONY: probes
probes: $(PROBES) $(PRELOADS)

# tests/bench/NAME.c is a program that the benchmark uses.
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*.c))

$(BENCHES): $(BUILD)/tests/bench/%: $(OBJ)/tests/bench/%.o $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(BERTH_LDFLAGS) -o $@ $(filter %.o,$^) $(ARCHIVE) $(BERTH_LIBS)

RUNS ?= 5

EVERY ?= 1

# tests/fuzz/fuzz_NAME.c reads foreign bytes; the other files there help, and fake_NAME.c stands in
# for a file of the program.  With MODE=fuzz (of clang) libFuzzer drives it, else replay.c.
FUZZ_NAMES   := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZERS      := $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/%)
FUZZ_HELPERS := $(OBJ)/tests/fuzz/fuzz.o $(if $(filter fuzz,$(MODE)),,$(OBJ)/tests/fuzz/replay.o)

$(BUILD)/tests/fuzz/engine: $(OBJ)/tests/fuzz/fake_http.o
$(BUILD)/tests/fuzz/hijack $(BUILD)/tests/fuzz/cli: $(addprefix $(OBJ)/tests/fuzz/fake_,http.o socket.o)
$(FUZZERS): $(BUILD)/tests/fuzz/%: $(OBJ)/tests/fuzz/fuzz_%.o $(FUZZ_HELPERS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(BERTH_LDFLAGS) $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) \
	    $(ARCHIVE) $(BERTH_LIBS)

.PHONY: fuzzers
fuzzers: $(FUZZERS)

FUZZ_SECONDS ?= 600

# Rules that compile something do so with the flags of the program.
test test-slow test-long check tidy lint: export TIDY_CC = $(CC) $(BERTH_CPPFLAGS) $(BERTH_CFLAGS)
test test-slow test-long check: export MAKE := $(MAKE)

# The planner at scale; docs/benchmarks.md: INSTANCES=10000 SERVICES=100000 TASKS=1000000
INSTANCES   ?= 1000
SERVICES    ?= 10000
TASKS       ?= 100000
STRATEGY    ?= default
CONSTRAINTS ?= none
EVENTS      ?= 200

PUBLIC += test test-slow test-long check tidy lint format sim soak sim-coverage mutants crash torture \
    fuzz bench bench-hosts bench-sim
test: deps-test ## everything in its short form; ends in `N passed, N failed`
	+@tests/run.sh unit fuzz sim mutants tidy it
test-slow: deps-test ## the integration scripts that take too long for it, and the other compiler
	+@LOGS=build/test-slow tests/run.sh clang it_slow
test-long: deps-test ## everything in full, with clang and clang-tidy too
	+@LONG=1 tests/run.sh unit fuzz sim mutants clang it it_slow crash torture tidy lint
check: deps-test ## what a change should pass before it is committed: unit tests and tidy
	+@MODES=$(MODE) tests/run.sh unit tidy
tidy: deps-test ## layers, header homes, sizes, format: tests/tidy
	@tests/tidy/run.sh
lint: deps-test ## clang-tidy (slow)
	@tests/tidy/lint.sh
sim: $(SIM) ## SEEDS simulated lives, from SEED on
	@$(SIM) $(SEED) $(SEEDS) tests/sim/regressions
soak: $(SIM) ## very many of them, in pieces that are kept: SEEDS=1000000 JOBS=2
	@SEED=$(SEED) SEEDS=$(SEEDS) tests/sim/soak.sh
sim-coverage: ## lines and branches of the planner that SEEDS simulated lives reach
	+@$(MAKE) --no-print-directory MODE=coverage build/coverage/tests/sim
	@tests/sim/coverage.sh build/coverage/obj build/coverage/tests/sim $(SEED) $(SEEDS)
mutants: $(SIM) ## plant mistakes one by one: the simulator must find each (MUTANT=NAME: only those)
	@MUTANT_CC='$(CC) $(BERTH_CPPFLAGS) $(BERTH_CFLAGS)' MUTANT_SIM='$(SIM_SOURCES:%.c=$(OBJ)/%.o)' \
	    MUTANT_LINK='$(BERTH_LDFLAGS) $(ARCHIVE) $(BERTH_LIBS)' tests/sim/mutants.sh $(MUTANT)
crash: deps-test program probes ## kill berth at every boundary of what it does, or each EVERYth
	@tests/it/test_crash.sh every $(EVERY)
torture: deps-test program probes ## let each call that may fail do so, or each EVERYth
	@EVERY=$(EVERY) tests/it/test_torture.sh
fuzz: deps-test ## libFuzzer over all that reads foreign bytes, FUZZ_SECONDS each (FUZZ=NAME: only that)
	+@$(MAKE) --no-print-directory MODE=fuzz CC='$(if $(findstring clang,$(CC)),$(CC),clang)' \
	    $(if $(FUZZ),build/fuzz/tests/fuzz/$(FUZZ),fuzzers)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh $(FUZZ)
bench: deps-test $(BERTH) $(BENCHES) ## measure against bare Engine calls, RUNS times (as root)
	@RUNS=$(RUNS) tests/bench/run.sh
bench-hosts: deps-test $(BERTH) $(BENCHES) ## likewise on remote hosts
	@RUNS=$(RUNS) tests/bench/hosts.sh
bench-sim: $(BUILD)/tests/bench/planner ## measure the planner with INSTANCES, SERVICES, TASKS, STRATEGY
	@$< $(INSTANCES) $(SERVICES) $(TASKS) $(STRATEGY) $(CONSTRAINTS) $(EVENTS)
format: deps-test ## let clang-format have its way
	@find $(FLOORS) tests -name '*.[ch]' -type f -exec clang-format -i {} +

# ---- Generated documents --------------------------------------------------------------------------

ifneq ($(wildcard reconciler/main.c),)
PUBLIC += docs
DOCS ?= docs/reference
docs: $(BERTH) ## write the pages of docs/reference anew from the program's tables (DOCS)
	@mkdir -p $(DOCS)
	@for page in $$($(BERTH) __docs); do $(BERTH) __docs $$page >$(DOCS)/$$page || exit 1; done
endif

# ---- Installing and trying ------------------------------------------------------------------------

ifneq ($(wildcard reconciler/main.c),)
BINDIR       := $(DESTDIR)$(PREFIX)/bin
MANDIR       := $(DESTDIR)$(PREFIX)/share/man/man1
UNITDIR      := $(DESTDIR)$(PREFIX)/lib/systemd/system
COMPLETE_bash := $(DESTDIR)$(PREFIX)/share/bash-completion/completions/berth
COMPLETE_zsh  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_berth
COMPLETE_fish := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/berth.fish
SHELLS       := bash zsh fish

build/completion/%: $(BERTH)
	@mkdir -p $(@D)
	@$(BERTH) completion $* >$@

PUBLIC += install uninstall
install: $(BERTH) $(SHELLS:%=build/completion/%) ## program, manual, completion, systemd unit (PREFIX, DESTDIR)
	install -D -m 755 $(BERTH) $(BINDIR)/berth
	install -D -m 644 docs/reference/berth.1 $(MANDIR)/berth.1
	$(foreach shell,$(SHELLS),install -D -m 644 build/completion/$(shell) $(COMPLETE_$(shell)) &&) true
	install -d $(UNITDIR)
	sed 's:@BINDIR@:$(PREFIX)/bin:' docs/systemd/berth.service >$(UNITDIR)/berth.service
	chmod 644 $(UNITDIR)/berth.service

uninstall: ## what install made; never any state
	rm -f $(BINDIR)/berth $(MANDIR)/berth.1 $(UNITDIR)/berth.service \
	    $(foreach shell,$(SHELLS),$(COMPLETE_$(shell)))
endif

ifneq ($(and $(wildcard reconciler/main.c),$(wildcard samples/hello)),)
PUBLIC += run
run: $(BERTH) ## try it: reconciles build/hello, a repository of its own, until Ctrl-C
	@.make/run $(BERTH)
endif

ifneq ($(and $(wildcard reconciler/main.c),$(wildcard samples/edge)),)
PUBLIC += run-edge
run-edge: deps-test $(BERTH) ## three hosts on this machine, one drained, one cut off (as root), until Ctrl-C
	@.make/run-edge
endif

PUBLIC += clean help
clean: ## remove build/
	rm -rf build

help: ## this list
	@echo 'make [MODE=release|debug|asan] [CC=clang] [TARGET]'
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | while read -r target text; do \
	    case ' $(PUBLIC) ' in *" $$target "*) printf '    %-14s%s\n' "$$target" "$$text" ;; esac; done

.PHONY: $(PUBLIC)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
