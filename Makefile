# Everything here calls a script in ci/ or the sgdma command; `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup test test-fast test-sim test-deep demo demo-uart demo-pcie performance lint clean distclean

help:       ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup:      ## install what is missing, system packages and .venv (quick when there is nothing to do)
	@ci/setup.sh

test: test-fast test-sim ## set-up and the tiers fast and sim: what every change must pass

test-fast: setup ## lint, types, unit tests (a minute)
	@ci/tier.sh fast

test-sim: setup ## everything that builds or runs the core in Verilator (minutes)
	@ci/tier.sh sim

test-deep: setup ## long random runs, mutants, bitstreams, all rule sets (nightly)
	@ci/tier.sh deep

demo: setup ## the guided tour, without a board
	@source ci/env.sh && sgdma demo

demo-uart: setup ## the same on a virtual UART board: its SoC in Verilator, firmware included (minutes)
	@source ci/env.sh && sgdma demo --uart

demo-pcie: setup ## the same on a virtual PCI function: vfio-user, and the kernel's VFIO in a guest of QEMU (minutes)
	@source ci/env.sh && sgdma demo --pcie

performance: setup ## measure docs/performance.md anew (an hour: 25 placements)
	@source ci/env.sh && for bench in core cycles litepcie area; do sgdma bench $$bench --docs || exit; done

lint: setup ## ruff and mypy only
	@source ci/env.sh && ruff check . && mypy

clean:      ## remove builds, run directories and caches
	rm -rf build runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find host soc tests cocotb_tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## the same, and .venv
	rm -rf .venv
