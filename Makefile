# The front door: each target is a line to a script or to Meson, which do the work.
PYTHON = /usr/bin/python3

.PHONY: all help run check check-deep coverage bench fuzz format docs install deb clean setup

# Builds for release, in build-release.
all: build-release/build.ninja
	ninja -C build-release

build-release/build.ninja:
	scripts/setup build
	meson setup build-release --buildtype=release

# This list.
help:
	@awk '/^# / { text = text (text == "" ? "" : " ") substr($$0, 3); next } /^$$/ { text = "" } \
	     /^[a-z-]+:/ && text != "" { sub(":.*", ""); sub("\\. .*", ".", text); printf "  make %-12s %s\n", $$0, text; text = "" }' Makefile

# Serves a demo installation in the foreground: packages, build, accounts, mail, addresses.
run:
	@scripts/setup build
	@scripts/demo

# Everything that must hold. The last line says how many tests passed and failed.
check:
	@scripts/setup check
	@$(PYTHON) scripts/check

# What is too long for check, part by part; what has passed for this commit is not run again. ONLY=tsan: the
# parts whose names begin so. scripts/check-deep --list names them.
ONLY =
check-deep:
	@scripts/setup check
	@$(PYTHON) scripts/check-deep $(ONLY)

# Lines and branches that tests reach, for each folder.
coverage:
	@scripts/setup check
	@$(PYTHON) scripts/coverage --run --files

# Each fuzzer for TIME seconds; what fails is kept in build-fuzz/found.
TIME = 60
fuzz:
	@scripts/setup check
	@$(PYTHON) scripts/fuzz --seconds $(TIME)

# Beside Dovecot and Cyrus; ONLY=lmtp,fetch measures these parts (bench/run --list). Writes docs/benchmarks.md.
bench:
	@scripts/setup bench
	@bench/run

# Formats the source as .clang-format says.
format:
	git ls-files -z 'src/*.c' 'src/*.h' 'bench/*.c' 'bench/*.h' | xargs -0 clang-format -i

# What is made from the program: docs/configuration.md and parts of the manual pages.
docs: all
	ninja -C build-release docs

# Installs what is in build-release: the program, its pages, completion, service (DESTDIR=...).
install: all
	meson install -C build-release --no-rebuild

# Two Debian packages in build-deb: the program, and its debug symbols.
deb:
	@scripts/setup build
	@$(PYTHON) scripts/make-deb

# Removes all build folders; demo-state, the installation of make run, stays.
clean:
	rm -rf build build-release build-check build-clang build-tsan build-fuzz build-coverage build-deb

# Every Debian package that building and testing need.
setup:
	@scripts/setup check
