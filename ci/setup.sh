#!/usr/bin/env bash
# Make this machine able to run everything that `make test` and `make demo` run. Safe to repeat, quick when done.
#
#   ci/setup.sh            system packages, then the Python environment in .venv
#   ci/setup.sh --system   system packages only (for building a CI image)
#
# SGDMA_PYTHON names the interpreter for .venv; the default is python3.11, else python3 if it is new enough.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
extras=sim,fpga,pcie,dev

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# --- system packages: probe for what is used, install only what is lacking --------------------------------------------

find_python() {  # prints the first interpreter that is new enough
  local candidate
  for candidate in ${SGDMA_PYTHON:-python3.11 python3}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

has_header() { printf '#include <%s>\n' "$1" | g++ -E -x c++ - >/dev/null 2>&1; }

probe() {  # fills `need` (nothing works without) and `want` (something is worse without) with Debian package names
  need=() want=()
  command -v make >/dev/null || need+=(make)  # Verilator's builds, and the Makefile itself
  command -v g++ >/dev/null || need+=(g++)    # compiles the simulator
  # The `verilator` driver is a Perl script; Debian's perl-base lacks its modules.
  perl -MPod::Usage -MGetopt::Long -e 1 2>/dev/null || need+=(perl)
  if python=$(find_python); then
    local version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -c 'import venv, ensurepip' 2>/dev/null || need+=("python$version-venv")
    # cocotb embeds the interpreter, so it needs libpython as a shared object.
    "$python" - 2>/dev/null <<'PY' || need+=("libpython$version")
import ctypes, os, sysconfig
name = sysconfig.get_config_var("INSTSONAME")
path = os.path.join(sysconfig.get_config_var("LIBDIR"), name)
ctypes.CDLL(path if os.path.exists(path) else name)
PY
  else
    need+=(python3 python3-venv libpython3-dev)
  fi
  # Compiles the firmware of the boards' soft CPU.
  command -v riscv64-unknown-elf-gcc >/dev/null || need+=(gcc-riscv64-unknown-elf)
  # Compressed waves (FST); VCD works without.
  has_header zlib.h || want+=(zlib1g-dev)
  has_header lz4.h || want+=(liblz4-dev)
}

as_root() {  # prints the prefix that makes a command run as root
  if [ "$(id -u)" -eq 0 ]; then return; fi
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || return 1
  echo sudo
}

system_packages() {
  probe
  local packages=("${need[@]}" "${want[@]}") sudo
  [ ${#packages[@]} -gt 0 ] || return 0
  if command -v apt-get >/dev/null && sudo=$(as_root); then
    say "installing ${packages[*]}"
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "${packages[@]}"
    probe
    [ ${#need[@]} -eq 0 ] || die "still missing after installation: ${need[*]} (is another Python first on PATH? set SGDMA_PYTHON)"
  elif [ ${#need[@]} -gt 0 ]; then
    die "these Debian packages are missing and can't be installed from here; run:
  sudo apt-get update && sudo apt-get install -y ${packages[*]}"
  else
    say "optional packages are missing (compressed waves): sudo apt-get install -y ${want[*]}"
  fi
}

# --- the Python environment: a stamp, written last, says that it is complete and of what ------------------------------

fingerprint() {
  { echo "$root $extras"; "$venv/bin/python" -V; cat "$root/pyproject.toml" "$root/ci/constraints.txt"; } | sha256sum
}

python_environment() {
  local stamp=$venv/.sgdma-complete unfinished=$venv/.sgdma-unfinished
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint 2>/dev/null)" ]; then return; fi

  # An interrupted installation may have left half a package behind: begin again from nothing.
  if [ -e "$unfinished" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "creating ${venv#"$root"/} with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  rm -f "$stamp"
  touch "$unfinished"
  say "installing Python packages (a minute or two on a new machine)"
  local pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet --constraint "$root/ci/constraints.txt")
  # Building with the pinned setuptools, not with whichever is newest today.
  "${pip[@]}" setuptools
  "${pip[@]}" --no-build-isolation --editable "$root[$extras]"
  link_tools
  rm -f "$unfinished"
  fingerprint >"$stamp.new"
  mv "$stamp.new" "$stamp"
  say "ready"
}

link_tools() {  # LiteX calls these by their plain names; in .venv/bin they answer to them
  local tool
  for tool in yosys nextpnr-ecp5 ecppack; do
    if [ -x "$venv/bin/yowasp-$tool" ]; then ln -sf "yowasp-$tool" "$venv/bin/$tool"; fi
  done
}

# Two set-ups in one checkout take turns.
exec 9<"${BASH_SOURCE[0]}"
flock 9 2>/dev/null || true

case "${1:-}" in
  --system) system_packages ;;
  "") system_packages; python_environment ;;
  *) die "unknown option $1 (there is only --system)" ;;
esac
