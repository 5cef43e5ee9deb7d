#!/usr/bin/env bash
# Run one tier of tests: ci/tier.sh fast|sim|deep. To add to a tier, add a line to it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source ci/env.sh
mkdir -p runs/ci

step() { printf '\n== %s\n' "$*"; "$@"; }
tests() { step pytest --junitxml="runs/ci/$1.xml" -m "$2" "${@:3}"; }  # name, marker expression, more arguments

fast() {  # seconds to a minute; pip packages are enough
  step ruff check .
  step mypy
  tests fast "not sim and not deep"
}

sim() {  # minutes; Verilator builds and runs the core
  tests sim "sim and not deep"
}

deep() {  # as long as it takes: nightly
  tests deep "deep"
}

case "${1:-}" in
  fast | sim | deep) "$1" ;;
  *) echo "usage: ci/tier.sh fast|sim|deep" >&2; exit 2 ;;
esac
