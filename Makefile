# pg_triage: build, install, test.
#
#   make deps           install the Debian packages that are missing
#   make                build both modules and the install script
#   make install        into the server that PG_CONFIG names (DESTDIR= works)
#   make installcheck   pgTAP files against the server of PGHOST/PGPORT
#   make test           packages, build, all tests; needs no running server
#   make docs           write sql/README.md, and the tables of verbs in the others, anew from the catalog
#
# Single kinds of test: test-unit test-pgtap test-isolation test-tap, each with
# FILES='...' for some files only.  Further: test-frontend demo bench evaluate fuzz lint format asan dist, and
# test-hosts: with real ticket servers, which it installs; test-hosts-smoke: a short one of these, without a browser.

PG_CONFIG ?= pg_config
CLANG ?= clang
CLANG_FORMAT ?= clang-format-14
FUZZ_SECONDS ?= 20
JOBS ?= $(shell nproc)
FILES ?=

# (VERSION is the server's in PGXS)
EXT_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pg_triage.control)

# ---- what is built ---------------------------------------------------------

EXTENSION = extension/pg_triage
MODULE_big = pg_triage
FOLDERS = base text worktime rulebook casework hosts worker

SRCS := $(wildcard extension/pg_triage.c) \
	$(sort $(foreach f,$(FOLDERS),$(wildcard extension/$(f)/*.c)))
OBJS = $(SRCS:.c=.o)

# A module of its own, so that only the courier links TLS libraries.
NET_SRCS := $(sort $(wildcard extension/net/*.c))
NET_OBJS = $(NET_SRCS:.c=.o)
NET_LIBS = -lcurl -lcrypto
NET_MODULE = $(if $(NET_SRCS),pg_triage_net.so)

# The install script is these parts joined, in this order.
SQL_PARTS = 00_header 05_clock 10_config 12_config_triggers 14_conditions 20_operational \
	22_intake_triggers 30_intake 32_verbs 33_handling 34_time 36_packs 37_lint 38_formats \
	40_courier 42_kpi 44_desks 46_record 50_models 52_same_matter 54_police_audit 56_staff 58_changes \
	60_hosts 62_rt 62_rt_attach 63_redmine 63_redmine_attach 64_zammad 65_znuny 70_row_security 80_comments 90_privileges 95_start
SQL_FILES = $(wildcard $(SQL_PARTS:%=sql/%.sql))
SQL_UNLISTED = $(filter-out $(SQL_PARTS:%=sql/%.sql),$(wildcard sql/*.sql))

DATA_built = build/pg_triage--$(EXT_VERSION).sql
# "make demo DATA=file.csv" means a file of the user's; to PGXS the name means what is installed.
ifeq ($(origin DATA),command line)
DEMO_DATA := $(DATA)
endif
override DATA = $(wildcard sql/updates/*.sql sql/recipes/*.sql)
PACK_FILES = $(wildcard rules/*/*.csv)

# The server's headers count as system headers: warnings are for our code only.
PG_CPPFLAGS = -Iextension -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DTRIAGE_VERSION='"$(EXT_VERSION)"' -MMD -MP
WARNINGS = -std=gnu99 -Wall -Wextra -Werror -Wno-unused-parameter
override PG_CFLAGS := $(WARNINGS) $(PG_CFLAGS)

EXTRA_CLEAN = build $(NET_OBJS) pg_triage_net.so $(SRCS:.c=.d) $(NET_SRCS:.c=.d)
NO_INSTALLCHECK = 1

# Bitcode needs the server's own clang and gains nothing here.
ifneq ($(origin with_llvm),command line)
override with_llvm := no
endif

# Without the server's development files only "make deps" and what starts
# with it can work, so their absence is no error while reading this file.
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else
NET_SRCS :=
PACK_FILES :=
all install:
	@echo "PostgreSQL's development files are missing: run 'make deps' or set PG_CONFIG" >&2
	@exit 1
endif

# ---- own build rules -------------------------------------------------------

-include $(wildcard $(SRCS:.c=.d) $(NET_SRCS:.c=.d))

# Objects depend on how they were compiled, so that other flags rebuild them.
BUILD_LINE = $(CC) $(CFLAGS) $(CPPFLAGS)
build/flags: FORCE
	@mkdir -p build
	@printf '%s\n' '$(subst ','\'',$(BUILD_LINE))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(BUILD_LINE))' > $@
$(OBJS) $(NET_OBJS): build/flags

# A removed or added part must rebuild the script too, hence the list file.
build/sql.list: FORCE
	@mkdir -p build
	@echo $(SQL_FILES) | cmp -s - $@ || echo $(SQL_FILES) > $@

build/pg_triage--$(EXT_VERSION).sql: $(SQL_FILES) build/sql.list
	@test -z '$(SQL_UNLISTED)' || { echo 'not in SQL_PARTS: $(SQL_UNLISTED)' >&2; exit 1; }
	cat $(SQL_FILES) /dev/null > $@.new && mv $@.new $@

pg_triage_net.so: $(NET_OBJS)
	$(CC) $(CFLAGS) -shared -o $@ $(NET_OBJS) $(LDFLAGS) $(LDFLAGS_SL) $(SHLIB_LINK) $(NET_LIBS)

all: $(NET_MODULE)

install: install-net install-packs

install-net: $(NET_MODULE)
ifneq ($(NET_SRCS),)
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)'
	$(INSTALL_SHLIB) pg_triage_net.so '$(DESTDIR)$(pkglibdir)/'
endif

# Packs of rules, each a folder that triage.load_pack() reads on the server.
PACK_DIR = $(DESTDIR)$(datadir)/extension/pg_triage
install-packs: $(PACK_FILES)
	$(foreach d,$(sort $(patsubst rules/%/,%,$(dir $(PACK_FILES)))), \
		$(MKDIR_P) '$(PACK_DIR)/$(d)' && \
		$(INSTALL_DATA) $(filter rules/$(d)/%,$(PACK_FILES)) '$(PACK_DIR)/$(d)/' &&) true

uninstall: uninstall-extra
uninstall-extra:
	rm -f '$(DESTDIR)$(pkglibdir)/pg_triage_net.so'
	rm -rf '$(PACK_DIR)'

# ---- packages --------------------------------------------------------------

PG_MAJOR ?= $(or $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/^PostgreSQL \([0-9]*\).*/\1/'),15)
PACKAGES = gcc libc6-dev make perl postgresql-$(PG_MAJOR) postgresql-server-dev-$(PG_MAJOR) \
	postgresql-$(PG_MAJOR)-pgtap libipc-run-perl libcurl4-openssl-dev libssl-dev ca-certificates
CHECK_PACKAGES = clang libclang-rt-14-dev clang-format-14 cppcheck

deps:
	@tests/tools/deps $(PACKAGES)
deps-check:
	@tests/tools/deps $(CHECK_PACKAGES)

# ---- tests -----------------------------------------------------------------

export PG_CONFIG

installcheck:
	tests/tools/pgtap $(FILES)

# A second make reads this file again, once the packages are there.
test: deps
	@tests/tools/run_tests

test-unit test-pgtap test-isolation test-tap:
	@tests/tools/run_tests $(@:test-%=%) $(FILES)

# Under Request Tracker and Redmine themselves; logs and screenshots in build/hosts/out.
test-hosts: deps
	@tests/hosts/run $(FILES)

# One ticket's way through each of them; "skipped" where they cannot be installed.
test-hosts-smoke: deps
	@tests/hosts/run --smoke

# A front end generated from the schema: needs node and npm, which fetches what package-lock.json names.
test-frontend: deps
	@mkdir -p build/frontend
	cp tests/frontend/package.json tests/frontend/package-lock.json build/frontend/
	cd build/frontend && npm ci --no-audit --no-fund --loglevel=error
	tests/tools/cluster --add build/frontend -- node tests/frontend/frontend.mjs

demo: deps
	DATA='$(DEMO_DATA)' tests/tools/cluster --timeout 0 -- tests/demo/run $(if $(DEMO_DATA),<'$(DEMO_DATA)')

# The stand-alone programs, then what needs a server.
BENCHES = $(patsubst tests/bench/%.c,build/bench/%,$(sort $(wildcard tests/bench/*.c)))
bench: $(BENCHES)
	@set -e; for b in $(BENCHES); do echo "== $$b"; RECEIVER=build/receiver $$b; done
	$(if $(wildcard tests/bench/run),tests/tools/cluster --fsync --timeout 0 -- tests/bench/run $(FILES))
NET_PURE = $(filter-out extension/net/net.c,$(wildcard extension/net/*.c))
build/receiver: tests/tools/receiver.c tests/tools/request.h
	@mkdir -p $(@D)
	gcc -std=gnu99 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o $@ $<
build/bench/%: tests/bench/%.c $(foreach f,text worktime,$(wildcard extension/$(f)/*.[ch])) $(NET_PURE) build/receiver
	@mkdir -p $(@D)
	gcc -Iextension -D_GNU_SOURCE $(WARNINGS) -g -O2 -o $@ $< $(filter extension/%.c,$^) -lm $(NET_LIBS)

# How well reports are understood, against baselines and goals; FILES='section...' for some.
evaluate: deps
	@tests/tools/cluster --timeout 0 -- tests/evaluate/run $(FILES)

# The stand-alone C tests: the parts that need no server, compiled apart from it.
# Linking pulls from the archive only what a test uses.
PURE_SRCS := $(foreach f,text worktime net,$(wildcard extension/$(f)/*.c))
PURE_CPPFLAGS = -Iextension -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null) \
	-DTRIAGE_VERSION='"$(EXT_VERSION)"' -D_GNU_SOURCE -MMD -MP
# two warnings off that the server's own flags turn off too
PURE_CFLAGS = $(WARNINGS) -Wno-format-truncation -Wno-stringop-truncation -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all
PURE_LIBS = -Wl,--as-needed $(NET_LIBS) -lm -lpthread
UNIT_SAN = -fsanitize=address,undefined
FUZZ_SAN = -fsanitize=fuzzer-no-link,address,undefined

UNIT_TESTS = $(patsubst tests/unit/%.c,build/unit/%,$(sort $(wildcard tests/unit/*.c)))
FUZZERS = $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/*.c)))
UNIT_OBJS = $(PURE_SRCS:extension/%.c=build/unit/pure/%.o)
FUZZ_OBJS = $(PURE_SRCS:extension/%.c=build/fuzz/pure/%.o)

-include $(wildcard build/unit/*.d build/unit/pure/*/*.d build/fuzz/*.d build/fuzz/pure/*/*.d)

unit-programs: $(UNIT_TESTS)

build/unit/pure/%.o: extension/%.c
	@mkdir -p $(@D)
	gcc $(PURE_CPPFLAGS) $(PURE_CFLAGS) $(UNIT_SAN) -c -o $@ $<
build/unit/pure.a: $(UNIT_OBJS)
	@mkdir -p $(@D); rm -f $@
	ar rcs $@ $(UNIT_OBJS)
build/unit/%: tests/unit/%.c build/unit/pure.a | build/receiver
	gcc $(PURE_CPPFLAGS) $(PURE_CFLAGS) $(UNIT_SAN) -o $@ $< build/unit/pure.a $(PURE_LIBS)

build/fuzz/pure/%.o: extension/%.c
	@mkdir -p $(@D)
	$(CLANG) $(PURE_CPPFLAGS) -Wno-unknown-warning-option $(PURE_CFLAGS) $(FUZZ_SAN) -c -o $@ $<
build/fuzz/pure.a: $(FUZZ_OBJS)
	@mkdir -p $(@D); rm -f $@
	ar rcs $@ $(FUZZ_OBJS)
build/fuzz/%: tests/fuzz/%.c build/fuzz/pure.a
	$(CLANG) $(PURE_CPPFLAGS) -Wno-unknown-warning-option $(PURE_CFLAGS) $(FUZZ_SAN) -fsanitize=fuzzer -o $@ $< build/fuzz/pure.a $(PURE_LIBS)

# New finds go to the scratch corpus under build/, never into the tree.
fuzz: deps-check
	@$(MAKE) --no-print-directory -j$(JOBS) fuzz-programs
	@set -e; for f in $(notdir $(FUZZERS)); do \
		echo "== fuzz $$f, $(FUZZ_SECONDS) s"; mkdir -p build/fuzz/corpus/$$f; \
		seeds=; test ! -d tests/fuzz/corpus/$$f || seeds=tests/fuzz/corpus/$$f; \
		timeout -k 5 $$(($(FUZZ_SECONDS) + 60)) build/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) \
			-print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/$$f- \
			build/fuzz/corpus/$$f $$seeds; \
	done
fuzz-programs: $(FUZZERS)

# Undefined behaviour kills the backend (SIGILL), which fails any test.  Built
# in a copy, so that everyday objects stay.  -fno-wrapv: the server's own flags
# would define signed overflow.
asan:
	@$(MAKE) --no-print-directory test-unit FILES=
	rm -rf build/asan && mkdir -p build/asan
	tar -cf - --exclude='*.o' --exclude='*.so' --exclude='*.d' Makefile META.json extension sql rules tests | \
		tar -xf - -C build/asan
	$(MAKE) -C build/asan test-pgtap PG_CFLAGS='-fsanitize=undefined \
		-fsanitize-undefined-trap-on-error -fno-wrapv -DUSE_ASSERT_CHECKING' FILES='$(FILES)'

# ---- checks and release ----------------------------------------------------

C_FILES = $(shell find extension tests -name '*.[ch]' | LC_ALL=C sort)

lint: deps-check
	tests/tools/check_floors
	tests/tools/check_meta
	tests/tools/cluster -- tests/tools/sql_readme --check
	tests/tools/cluster -- tests/tools/verb_tables --check
	$(if $(C_FILES),$(CLANG_FORMAT) --dry-run -Werror $(C_FILES))
	cppcheck --quiet --enable=warning,performance,portability --error-exitcode=1 \
		--inline-suppr --suppress=missingIncludeSystem --suppress=unknownMacro \
		--suppress=nullPointerRedundantCheck:*/postgresql/* --library=posix -Iextension -j$(JOBS) extension tests

# Only files that are named: others may be in somebody's editor.
format:
	@test -n '$(FILES)' || { echo "usage: make format FILES='...'" >&2; exit 1; }
	$(CLANG_FORMAT) -i $(FILES)

# What the SQL surface is, from the catalog of a fresh database.
docs sql/README.md:
	@mkdir -p build
	tests/tools/cluster -- tests/tools/sql_readme > build/README.md
	mv build/README.md sql/README.md
	for f in README.md extension/README.md; do \
		tests/tools/cluster -- tests/tools/verb_tables $$f > build/README.md && mv build/README.md $$f || exit 1; done

dist:
	@mkdir -p build
	git archive --format zip --prefix=pg_triage-$(EXT_VERSION)/ -o build/pg_triage-$(EXT_VERSION).zip HEAD

FORCE:
.PHONY: FORCE all install install-net install-packs installcheck uninstall-extra deps deps-check \
	test test-frontend test-unit test-pgtap test-isolation test-tap test-hosts test-hosts-smoke demo bench evaluate unit-programs fuzz fuzz-programs \
	asan lint format docs sql/README.md dist
