# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
#
# make            build/warden
# make demo       installs what it needs, builds, and shows the main job
# make test       installs what it needs, builds, and runs every test, here and on Linux 6.1
# make test-kernels  the same on 6.12 and 7.3, where those may differ (test-kernels-whole: all of it)
# make test-agents  real agents, which it downloads by npm (2 GB), against far ends on this machine
# make bench      prints a table of measured ratios

CC      ?= cc
CLANG   ?= clang
BPFTOOL ?= $(or $(shell command -v bpftool 2>/dev/null),/usr/sbin/bpftool)
PREFIX  ?= /usr/local
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

B       := build
VERSION := 0.1.0

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wno-unused-parameter
CPPFLAGS_ALL := -D_GNU_SOURCE -DWARDEN_VERSION='"$(VERSION)"' -Iuser -Ibpf -I$(B)
CFLAGS_ALL   := -std=gnu11 $(CFLAGS) $(WARN) -fstack-protector-strong -D_FORTIFY_SOURCE=2
LIBS    := -lbpf -lelf -lz -lyaml -lcjson -lcrypto

SRC  := $(sort $(shell find user -name '*.c'))
OBJ  := $(SRC:%.c=$(B)/%.o)
LIB  := $(B)/libwarden.a

# One object of the BPF files of the product, one of the files that only probe the kernel.
BPF_MAIN    := scope exec load net dns create listen broker guard file held wire clear tls made pipe
BPF_PROBE   := probe
BPF_CFLAGS  := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Werror \
	       -Wno-unused-function -Ivmlinux -Ibpf -I/usr/include/$(shell $(CC) -dumpmachine)
SKEL        := $(B)/warden.skel.h $(B)/probe.skel.h

UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(sort $(shell find tests/unit -name '*_test.c')))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all deps deps-test demo test test-kernels test-kernels-whole test-agents tests unit bench install vmlinux-check format clean

all: $(B)/warden

$(B)/warden: $(B)/user/main.o $(LIB)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(filter-out $(B)/user/main.o,$(OBJ))
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $@"
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/warden.bpf.o: $(BPF_MAIN:%=$(B)/bpf/%.bpf.o)
$(B)/probe.bpf.o: $(BPF_PROBE:%=$(B)/bpf/%.bpf.o)
$(B)/warden.bpf.o $(B)/probe.bpf.o:
	@echo "  LINK    $@"
	$(Q)$(BPFTOOL) gen object $@ $^

$(B)/%.skel.h: $(B)/%.bpf.o
	@echo "  SKEL    $@"
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp && mv $@.tmp $@

$(OBJ): | $(SKEL)

$(B)/user/%.o: user/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) -Itests $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(LIB) -lcmocka $(LIBS)

# ---- what the build and the tests need ----

DEPS := clang gcc libc6-dev linux-libc-dev libbpf-dev libelf-dev zlib1g-dev libyaml-dev \
	libcjson-dev libssl-dev bpftool python3 openssl
DEPS_BENCH := nginx-light wrk
# The last ones only where no such program is there already.
DEPS_TEST := libcmocka-dev libgnutls28-dev libcurl3-gnutls libcurl3-nss libnspr4 libnss3 libssl3 \
	python3-uvloop wrk curl wget iproute2 procps util-linux \
	$(shell tests/vm/run --deps) $(if $(shell command -v node),,nodejs) \
	$(if $(shell command -v go),,golang-go)

# Installs the packages that are missing, and asks nobody when none is.
define install-packages
	$(Q)missing=$$(for p in $(1); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; \
	done); \
	if [ -n "$$missing" ]; then \
		echo "  APT     $$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

deps:
	$(call install-packages,$(DEPS))

deps-test: deps
	$(call install-packages,$(DEPS_TEST))

# ---- what the README promises ----

demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo/run

# What needs root and a kernel: run here, on the tiers that this machine has, and in virtual
# machines with BPF LSM.
KERNEL_PROGRAMS := $(addprefix $(B)/tests/,equality_test stack_depth verified http1_verify)
# Programs that tests watch. The third holds its OpenSSL without symbols; so does the second, and there nobody
# can tell where, as the names that its errors have are others.
CLIENTS := $(addprefix $(B)/tests/client_,gnutls hidden static)
STAND_INS := $(B)/tests/libssl_ex2.so
# What tests look into trails and logs with.
LINES := $(B)/tests/lines
# A program that costs as little as one can.
NOTHING := $(B)/tests/nothing
CLIENT_LIBS_gnutls := -lgnutls
CLIENT_LIBS_hidden := -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -s
# As programs in Rust are linked; the linker would warn of what the library cannot do then.
CLIENT_LIBS_static := -static-pie -s -Wl,--no-warnings -lssl -lcrypto
CLIENT_EDIT_hidden := s/ssl_write_internal/ssl_write_------al/
# A program in Go, as three kinds of files; without a toolchain none, and what needs them is skipped.
GO          := $(shell command -v go)
GO_PROGRAMS := $(if $(GO),$(addprefix $(B)/go/,plain stripped pie))
# What the benchmark asks, beside all that it runs.
COSTS := $(addprefix $(B)/tests/,decision_cost answer_cost)
KERNEL_TESTS := $(KERNEL_PROGRAMS) $(sort $(wildcard tests/e2e/*.sh tests/bypass/*.sh))

# In virtual machines, each of which takes the next test that none has taken: the longest come first, so that
# all end at about the same time. There are more machines than processors, because each now and then waits.
# On this machine only: what is installed, bad input, which is refused before warden asks the kernel for
# anything, a thousand times of putting probes on, which an emulated one has no time for, and load. Within other
# programs, what is called `portable` (tests/lib/tap.sh): decisions of user space (signals and streams passed on,
# users, how a trail is written, read and verified), which are the same calls to every kernel.
LONGEST := $(addprefix tests/,e2e/net.sh e2e/names.sh e2e/clear.sh e2e/full.sh e2e/opaque.sh e2e/exec.sh \
	e2e/guard.sh bypass/listen.sh e2e/stacks.sh e2e/audit.sh e2e/objects.sh bypass/net.sh e2e/go.sh e2e/same.sh)
VM_TESTS := $(filter-out $(addprefix tests/e2e/,install.sh bad.sh cycles.sh load.sh),\
	$(LONGEST) $(filter-out $(LONGEST),$(KERNEL_TESTS)))

test: deps-test
	$(Q)$(MAKE) --no-print-directory -j2 all tests
	$(Q)tests/run-all -j 4 --vm 6.1:3 $(VM_TESTS) --here $(UNIT) $(KERNEL_TESTS)

# On the other kernels: what their verifiers say, the ways around rules, and where their tiers differ. It takes
# the time that make test leaves of 40 minutes; all the rest of what 6.1 runs is test-kernels-whole.
VM_TESTS_OTHER := $(filter $(KERNEL_PROGRAMS) tests/bypass/%.sh \
	$(addprefix tests/e2e/,doctor.sh hash.sh requests.sh stdio.sh tls.sh),$(VM_TESTS))

test-kernels: deps-test
	$(Q)$(MAKE) --no-print-directory -j2 all tests
	$(Q)tests/run-all -j 4 --vm 6.12:2 $(VM_TESTS_OTHER) --vm 7.3:2 $(VM_TESTS_OTHER)

test-kernels-whole: deps-test
	$(Q)$(MAKE) --no-print-directory -j2 all tests
	$(Q)tests/run-all -j 4 --vm 6.12:2 $(VM_TESTS) --vm 7.3:2 $(VM_TESTS)

# Not a part of make test: what is downloaded is large, and kept in a cache (tests/agents/download).
test-agents: deps-test
	$(call install-packages,$(if $(shell command -v npm),,npm))
	$(Q)$(MAKE) --no-print-directory -j2 all $(B)/tests/cycles $(LINES)
	$(Q)tests/run-all -t 1800 $(sort $(wildcard tests/agents/*.sh))

bench: deps-test
	$(call install-packages,$(DEPS_BENCH))
	$(Q)$(MAKE) --no-print-directory all $(COSTS)
	$(Q)tests/bench/run

# ---- tests ----

tests: $(UNIT) $(KERNEL_PROGRAMS) $(COSTS) $(CLIENTS) $(STAND_INS) $(LINES) $(NOTHING) $(GO_PROGRAMS) \
	$(B)/tests/cycles

unit: $(UNIT)
	$(Q)set -e; for t in $(UNIT); do $$t; done

$(B)/tests/%.bpf.o: tests/bpf/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $@"
	$(Q)$(CLANG) $(BPF_CFLAGS) -Itests/bpf -MMD -MP -c -o $@ $<

$(B)/ask.bpf.o: $(B)/tests/ask.bpf.o $(B)/bpf/scope.bpf.o
$(B)/http1_verify.bpf.o: $(B)/tests/http1_verify.bpf.o
$(B)/ask.bpf.o $(B)/http1_verify.bpf.o:
	@echo "  LINK    $@"
	$(Q)$(BPFTOOL) gen object $@ $^

$(B)/tests/equality_test $(B)/tests/decision_cost: $(B)/ask.skel.h
$(B)/tests/stack_depth $(B)/tests/verified $(B)/tests/answer_cost: $(B)/warden.skel.h
$(B)/tests/http1_verify: $(B)/http1_verify.skel.h
$(KERNEL_PROGRAMS) $(COSTS): $(B)/tests/%: tests/bpf/%.c $(LIB)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) -Itests -Itests/bpf $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(LIB) \
		-lcmocka $(LIBS)

$(CLIENTS): $(B)/tests/client_%: tests/lib/client_%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(CLIENT_LIBS_$*)
	$(Q)$(if $(CLIENT_EDIT_$*),LC_ALL=C sed -i '$(CLIENT_EDIT_$*)' $@)

$(LINES): $(B)/tests/%: tests/lib/%.c $(LIB)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(LIB)

$(NOTHING): $(B)/tests/%: tests/lib/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(WARN) -O2 -static -nostdlib -fno-stack-protector -o $@ $<

$(STAND_INS): $(B)/tests/lib%.so: tests/lib/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fPIC -shared -o $@ $<

$(B)/tests/empty.bpf.o: tests/bench/empty.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $@"
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/empty.bpf.o: $(B)/tests/empty.bpf.o
	@echo "  LINK    $@"
	$(Q)$(BPFTOOL) gen object $@ $^

$(B)/tests/cycles: tests/agents/cycles.c $(LIB) $(B)/empty.skel.h
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(LIB) $(LIBS)

# Of the standard library alone; nothing is downloaded.
$(B)/go/stripped: GO_FLAGS := -ldflags '-s -w'
$(B)/go/pie: GO_FLAGS := -buildmode=pie -ldflags '-s -w'
$(B)/go/%: $(wildcard tests/go/*.go)
	@mkdir -p $(@D)
	@echo "  GO      $@"
	$(Q)GO111MODULE=off GOFLAGS= GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 \
		GOCACHE=$${XDG_CACHE_HOME:-$$HOME/.cache}/warden-go $(GO) build $(GO_FLAGS) -o $@ $^

# The types that the BPF side reads, held against a kernel's BTF (this one's, or BTF=FILE).
BTF ?= /sys/kernel/btf/vmlinux
vmlinux-check:
	$(Q)BPFTOOL=$(BPFTOOL) vmlinux/check $(BTF)

format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

# ---- installation ----

MAN1 := $(wildcard docs/*.1)
MAN5 := $(wildcard docs/*.5)
DEST := $(DESTDIR)$(PREFIX)

install: all
	install -D -m 755 $(B)/warden $(DEST)/sbin/warden
	install -D -m 644 -t $(DEST)/share/man/man1 $(MAN1)
	install -D -m 644 -t $(DEST)/share/man/man5 $(MAN5)
	install -D -m 644 -t $(DEST)/share/warden/policies $(wildcard policies/*.yaml)
	install -D -m 644 docs/warden.bash $(DEST)/share/bash-completion/completions/warden

clean:
	rm -rf $(B)

-include $(OBJ:.o=.d) $(UNIT:=.d) $(wildcard $(B)/bpf/*.d $(B)/tests/*.d)
