#!/usr/bin/env bash
# Run one tier of tests: ci/tier.sh fast|sim|deep. To add to a tier, add a line to it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source ci/env.sh
mkdir -p runs/ci

step() { printf '\n== %s\n' "$*"; "$@"; }
tests() { step pytest --junitxml="runs/ci/$1.xml" -m "$2" "${@:3}"; }  # name, marker expression, more arguments
suite() {  # targets: the shared suite on each of them, which must agree
  local run=runs/ci/suite-$# urls=()
  for url in "$@"; do urls+=(--target "$url"); done
  rm -rf "$run"
  step sgdma test "${urls[@]}" --run-dir "$run"
}

fast() {  # seconds to a minute; pip packages are enough
  step ruff check .
  step mypy
  tests fast "not sim and not deep"
  suite model:
}

sim() {  # minutes; Verilator builds and runs the core. Two lanes, as nearly everything here keeps one processor busy.
  local log=runs/ci/lane.log pid status=0
  setsid ci/tier.sh lane > "$log" 2>&1 &
  pid=$!
  trap "kill -TERM -- -$pid" EXIT  # it does not go on alone when something here fails
  tests sim "sim and not deep"
  step pytest -q cocotb_tests/blocks cocotb_tests/witness
  trap - EXIT
  wait "$pid" || status=$?
  cat "$log"
  return "$status"
}

lane() {  # what runs beside the tests above; its output is shown behind theirs
  rm -rf runs/ci/boards
  # The suite on model:, sim:, a virtual UART board, TLPs and a virtual PCI function, which must agree.
  step sgdma demo --uart --pcie --no-guest --run-dir runs/ci/boards
  step pytest -q -m sim cocotb_tests/pcie
  step ci/matrix.sh short
  step pytest -q cocotb_tests/mutants
}

deep() {  # as long as it takes: nightly
  export SGDMA_SEED=
  tests deep "deep"
  step pytest -q -m deep cocotb_tests/pcie
  step ci/matrix.sh whole
  suite "sim:uart?dram=1"
}

case "${1:-}" in
  fast | sim | lane | deep) "$1" ;;
  *) echo "usage: ci/tier.sh fast|sim|deep" >&2; exit 2 ;;
esac
