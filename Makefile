# What a person runs; `make help` lists it. Each target makes sure of the tools it needs (scripts/need).

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
CMAKEDIR ?= $(LIBDIR)/cmake/hostlock
BASHCOMPLETIONDIR ?= $(DATADIR)/bash-completion/completions
ZSHCOMPLETIONDIR ?= $(DATADIR)/zsh/site-functions
FISHCOMPLETIONDIR ?= $(DATADIR)/fish/vendor_completions.d
TARGET := $(or $(CARGO_TARGET_DIR),target)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p;/^version/q' Cargo.toml)
SONAME := libhostlock.so.$(firstword $(subst ., ,$(VERSION)))
REAL := libhostlock.so.$(VERSION)
# Empty where the symbols are to stay.
STRIP ?= strip
REBUILD_HEADERS := hostlock/openssl.h hostlock/mapping.h hostlock/shadow/openssl/ssl.h
# What libhostlock.a needs from the system, as its OpenSSL says.
STATIC_LIBS = $(or $(shell pkg-config --static --libs openssl 2>/dev/null),-lssl -lcrypto -ldl -lpthread) -lm
# Where the loader looks by itself a path of the program's own could only be in the way.
RPATH = $(if $(filter /lib/ /lib64/ /usr/lib/ /usr/lib64/ /usr/lib/%-linux-gnu/,$(LIBDIR)/),,"-Wl,-rpath,$(LIBDIR)")
empty :=
# What stands in the templates.
FILLED = -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
    -e 's|@VERSION@|$(VERSION)|g' -e 's|@REAL@|$(REAL)|g' -e 's|@SONAME@|$(SONAME)|g' \
    -e 's|@STATIC_LIST@|$(subst $(empty) ,;,$(strip $(STATIC_LIBS)))|g' \
    -e 's|@STATIC_LIBS@|$(strip $(STATIC_LIBS))|g' -e 's|@RPATH@|$(RPATH)|g'

# rustup's place, for shells that did not read its profile.
export PATH := $(PATH):$(HOME)/.cargo/bin
# Where the command looks for what it preloads.
release install: export HOSTLOCK_LIBDIR := $(filter-out $(PREFIX)/lib,$(LIBDIR))

.PHONY: help release private demo test test-long test-private lint header header-check symbols install deb deb-test wheel uninstall compat matrix judges judges-tls rebuild-test \
    bench bench-gate clean

help:    ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' Makefile | column -t -s: -l 2

release: ## builds what is installed
# Another user (sudo make install) may have no cargo: what was built before is then installed.
	@if command -v cargo >/dev/null || ! test -f $(TARGET)/release/hostlock; then \
	    scripts/need cargo cc libssl python3 && cargo build --release; fi

private: ## builds the library with a libssl of its own inside (minutes)
	@scripts/need cargo cc perl make
	@scripts/private build --release

demo:    ## shows which programs an impostor fools, and the same under hostlock run
	@scripts/need cargo cc libssl openssl python3
	@python3 demo/demo.py

test:    ## runs the tests (some ten minutes) and ends with one line of totals
	@scripts/need cargo cc c++ libssl openssl python3 valgrind nm readelf
	@python3 scripts/run_tests.py

test-long: ## the same, with the tests that take long: all of C under valgrind, fuzzing, the wheel, the packages
	@scripts/need cargo cc c++ libssl openssl python3 valgrind nm readelf perl make dpkg-buildpackage dh dh_python3 \
	    lintian mmdebstrap unshare ip
	@python3 scripts/run_tests.py --long

test-private: ## tests the build with a libssl of its own inside (minutes)
	@scripts/need cargo cc c++ libssl openssl python3 nm readelf perl make
	@python3 scripts/run_tests.py private-rust private-python

lint:    ## format, warnings, docs, header, C and Python
	@scripts/need cargo cc c++ libssl python3 venv shellcheck
	@scripts/lint

header:  ## copies the generated header to include/, its functions into the README, its statuses into docs/
	@header=$$(scripts/generated-header) && cp "$$header" include/hostlock.h
	@python3 scripts/api_table.py
	@python3 scripts/troubleshooting.py

header-check: ## fails where include/hostlock.h is stale
	@header=$$(scripts/generated-header) && \
	diff -u include/hostlock.h "$$header" || { echo 'include/hostlock.h is stale: run make header' >&2; exit 1; }

symbols: ## writes the exported names to tests/data/symbols.txt and to debian/
	@cargo build --quiet
	@nm -D --defined-only $(TARGET)/debug/libhostlock.so | awk '{ print $$3 }' | LC_ALL=C sort > tests/data/symbols.txt
	@python3 scripts/deb_symbols.py

install: release ## installs the library and the command under DESTDIR and PREFIX
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(LIBDIR)/hostlock" "$(DESTDIR)$(INCLUDEDIR)"
	install -m 755 $(TARGET)/release/hostlock "$(DESTDIR)$(BINDIR)/hostlock"
	install -m 755 $(TARGET)/release/libhostlock.so "$(DESTDIR)$(LIBDIR)/$(REAL)"
	ln -sf $(REAL) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libhostlock.so"
	install -m 755 $(TARGET)/release/libhostlock_preload.so "$(DESTDIR)$(LIBDIR)/hostlock/libhostlock_preload.so"
	install -m 644 $(TARGET)/release/libhostlock.a "$(DESTDIR)$(LIBDIR)/libhostlock.a"
	@! command -v "$(STRIP)" >/dev/null || for file in "$(BINDIR)/hostlock" "$(LIBDIR)/$(REAL)" \
	    "$(LIBDIR)/hostlock/libhostlock_preload.so" "$(LIBDIR)/libhostlock.a"; do \
	    $(STRIP) --strip-unneeded -R .llvmbc -R .llvmcmd "$(DESTDIR)$$file" || exit 1; done
	install -m 644 include/hostlock.h "$(DESTDIR)$(INCLUDEDIR)/hostlock.h"
	for header in $(REBUILD_HEADERS); do \
	    install -D -m 644 "include/$$header" "$(DESTDIR)$(INCLUDEDIR)/$$header" || exit 1; done
	@sed $(FILLED) hostlock.pc.in > "$(DESTDIR)$(LIBDIR)/pkgconfig/hostlock.pc"
	@sed $(FILLED) -e 's|@COMPILER@|$${HOSTLOCK_CC:-cc}|' scripts/hostlock-cc.in > "$(DESTDIR)$(BINDIR)/hostlock-cc"
	@sed $(FILLED) -e 's|@COMPILER@|$${HOSTLOCK_CXX:-c++}|' scripts/hostlock-cc.in > "$(DESTDIR)$(BINDIR)/hostlock-c++"
	chmod 755 "$(DESTDIR)$(BINDIR)/hostlock-cc" "$(DESTDIR)$(BINDIR)/hostlock-c++"
	install -d "$(DESTDIR)$(CMAKEDIR)"
	for file in hostlock-config.cmake hostlock-config-version.cmake; do \
	    sed $(FILLED) "cmake/$$file.in" > "$(DESTDIR)$(CMAKEDIR)/$$file" && chmod 644 "$(DESTDIR)$(CMAKEDIR)/$$file" || exit 1; done
	@BINARY=$(TARGET)/release/hostlock MANDIR="$(DESTDIR)$(MANDIR)" BASHDIR="$(DESTDIR)$(BASHCOMPLETIONDIR)" \
	    ZSHDIR="$(DESTDIR)$(ZSHCOMPLETIONDIR)" FISHDIR="$(DESTDIR)$(FISHCOMPLETIONDIR)" scripts/install-papers
	@test -n "$(DESTDIR)" || scripts/loader "$(LIBDIR)"

deb:     ## builds Debian packages in TARGET/deb, and holds them against lintian
	@scripts/need cargo cc libssl python3 dpkg-buildpackage dh dh_python3 lintian
	@scripts/deb

deb-test: deb ## installs, uses and purges them in a clean system
	@scripts/need mmdebstrap unshare ip
	@scripts/deb-test

wheel:   ## builds the Python package into TARGET/wheels (sdist and wheel); PRIVATE=1 adds the library of `make private`
	@scripts/need cargo cc libssl python3 venv $(if $(PRIVATE),perl make)
	@HOSTLOCK_WHEEL_PRIVATE=$(PRIVATE) scripts/wheel

uninstall: ## removes what install put there
	rm -f "$(DESTDIR)$(BINDIR)/hostlock" "$(DESTDIR)$(BINDIR)/hostlock-cc" "$(DESTDIR)$(BINDIR)/hostlock-c++" \
	    "$(DESTDIR)$(LIBDIR)/libhostlock.so" "$(DESTDIR)$(LIBDIR)/$(SONAME)" "$(DESTDIR)$(LIBDIR)/$(REAL)" \
	    "$(DESTDIR)$(LIBDIR)/libhostlock.a" "$(DESTDIR)$(INCLUDEDIR)/hostlock.h" \
	    $(REBUILD_HEADERS:%="$(DESTDIR)$(INCLUDEDIR)/%") \
	    "$(DESTDIR)$(LIBDIR)/pkgconfig/hostlock.pc" "$(DESTDIR)$(LIBDIR)/hostlock/libhostlock_preload.so" \
	    "$(DESTDIR)$(CMAKEDIR)/hostlock-config.cmake" "$(DESTDIR)$(CMAKEDIR)/hostlock-config-version.cmake" \
	    "$(DESTDIR)$(BASHCOMPLETIONDIR)/hostlock" "$(DESTDIR)$(ZSHCOMPLETIONDIR)/_hostlock" \
	    "$(DESTDIR)$(FISHCOMPLETIONDIR)/hostlock.fish"
# By the names that all of our pages have: those of another version are ours too.
	rm -f "$(DESTDIR)$(MANDIR)"/man1/hostlock.1 "$(DESTDIR)$(MANDIR)"/man1/hostlock-*.1 \
	    "$(DESTDIR)$(MANDIR)"/man3/hostlock.3 "$(DESTDIR)$(MANDIR)"/man3/hostlock[-_]*.3
	-rmdir "$(DESTDIR)$(CMAKEDIR)"
	-rmdir "$(DESTDIR)$(LIBDIR)/hostlock" "$(DESTDIR)$(INCLUDEDIR)/hostlock/shadow/openssl" \
	    "$(DESTDIR)$(INCLUDEDIR)/hostlock/shadow" "$(DESTDIR)$(INCLUDEDIR)/hostlock"

compat:  ## runs real programs as they are and sealed; writes docs/compat.md
	@scripts/need cargo cc libssl openssl python3
	@cargo build --quiet
	@python3 scripts/compat.py

matrix:  ## runs Python's clients against 31 servers with and without hostlock (minutes); writes docs/python-matrix.md
	@scripts/need cargo cc libssl openssl python3 m2crypto pyopenssl
	@cargo build --quiet
	@python3 scripts/matrix.py

judges:  ## runs others' suites (CPython's, pyOpenSSL's, M2Crypto's, urllib3's, requests') under inject (minutes)
	@scripts/need cargo cc libssl openssl python3 m2crypto pyopenssl
	@cargo build --quiet
	@python3 scripts/judges.py

judges-tls: ## holds some 1,600 conversations with a server, as no honest client does, and looks at its alerts
	@scripts/need cargo cc libssl openssl python3
	@cargo build --quiet
	@python3 scripts/judges_tls.py

rebuild-test: ## builds packages of Debian with hostlock-cc, and measures them (minutes); into docs/compat.md
	@scripts/need cargo cc libssl openssl python3 nm make pkg-config
	@python3 scripts/rebuild_test.py --write

bench:   ## compares with raw OpenSSL and others, side by side; JSON goes to target/bench.json
	@scripts/need cargo cc libssl valgrind curl python3
	@benches/run --json "$(abspath $(TARGET))/bench.json"

bench-gate: ## fails where a ratio falls short that instructions or bytes can tell
	@scripts/need cargo cc libssl valgrind curl python3
	@benches/run --gate

clean:   ## removes everything that was built
	cargo clean
