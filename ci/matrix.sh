#!/usr/bin/env bash
# The shared suite on the simulator for rule sets x data widths: ci/matrix.sh [short|whole].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source ci/env.sh

case "${1:-whole}" in
  short) shapes="nvme-prp:256" ;;
  whole) shapes=""; for rules in peculiar nvme-prp xhci unrestricted; do for width in 64 128 256; do shapes+=" $rules:$width"; done; done ;;
  *) echo "usage: ci/matrix.sh [short|whole]" >&2; exit 2 ;;
esac

for shape in $shapes; do
  printf '\n== suite on rules %s, %s bit\n' "${shape%:*}" "${shape#*:}"
  pytest -q --target "sim:?rules=${shape%:*}&data_width=${shape#*:}" --waves 0 host/sgdma/suite
done
