"""Compiles the firmware of a board's soft CPU: generated headers, gcc for RISC-V, words for the ROM."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sgdma.errors import FirmwareError, MissingTool
from sgdma.paths import checkout_root
from sgdma.rules import Direction, RuleSet, check_request
from sgdma.spec.board import ROM_BYTES, SRAM_BASE, SRAM_BYTES
from sgdma.spec.build import BuildParameters
from sgdma.spec.status import status_of_rule

__all__ = ["GCC", "SOURCES", "cases_header", "compile_firmware"]

GCC = "riscv64-unknown-elf-gcc"
SOURCES = ("common/start.S", "common/queue.c", "common/console.c", "common/memory.c", "selftest/selftest.c",
           "runner/runner.c", "main.c")  # fmt: skip
INTERRUPT = 0
"""Line of the core's interrupt at the CPU."""
FLAGS = (
    "-march=rv32i_zicsr", "-mabi=ilp32", "-O2", "-std=c11", "-ffreestanding", "-nostdlib", "-ffunction-sections",
    "-fno-tree-loop-distribute-patterns", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wl,--gc-sections",
    "-Wl,--build-id=none",
)  # fmt: skip
RINGS = 0x4000
"""Bytes at the start of DMA memory for the self-test's rings; its segments lie behind."""


def compile_firmware(parameters: BuildParameters, memory_base: int, memory_bytes: int) -> tuple[int, ...]:
    """32-bit words for the ROM. Raises MissingTool without the compiler, FirmwareError with what it says."""
    if not shutil.which(GCC):
        raise MissingTool(f"{GCC} is missing: sudo apt-get install gcc-riscv64-unknown-elf (ci/setup.sh does it)")
    root = checkout_root() / "firmware"
    with tempfile.TemporaryDirectory(prefix="sgdma-firmware-") as name:
        work = Path(name)
        (work / "sgdma_cases.h").write_text(cases_header(parameters, memory_base, memory_bytes), encoding="utf-8")
        library = _run(GCC, "-march=rv32i", "-mabi=ilp32", "-print-libgcc-file-name").strip()
        include = [f"-I{work}", f"-I{root}", f"-I{root / 'include'}", f"-I{root / 'common'}"]
        sources = [str(root / source) for source in SOURCES]
        places = {"ROM_BYTES": ROM_BYTES, "SRAM_BASE": SRAM_BASE, "SRAM_BYTES": SRAM_BYTES}
        include += [f"-Wl,--defsym={name}={value:#x}" for name, value in places.items()]
        _run(GCC, *FLAGS, *include, f"-T{root / 'common/link.ld'}", "-o", str(work / "firmware.elf"), *sources, library)
        _run("riscv64-unknown-elf-objcopy", "-O", "binary", str(work / "firmware.elf"), str(work / "firmware.bin"))
        image = (work / "firmware.bin").read_bytes()
    words = np.frombuffer(image + bytes(-len(image) % 4), "<u4")
    return tuple(words.tolist())


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FirmwareError(f"the firmware did not build:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def cases_header(parameters: BuildParameters, memory_base: int, memory_bytes: int) -> str:
    """``sgdma_cases.h``: where memory is, and requests that the self-test makes: legal ones, and one that is not.

    Found by trying, with the check that the hardware makes. Raises FirmwareError when the rules leave no choice.
    """
    rules = parameters.rule_set
    c2h = _legal(rules, Direction.C2H, memory_base, RINGS + 0x4000)
    h2c = _legal(rules, Direction.H2C, memory_base, RINGS, at_least=c2h[1])
    card = h2c[2]
    if check_request(rules, Direction.C2H, _u64(memory_base + c2h[0]), _u64(c2h[1]), card):
        raise FirmwareError(f"rules {rules.name}: no card address suits both of the self-test's requests")
    bad = _illegal(rules, memory_base, RINGS, card)
    values = {
        "SGDMA_MEMORY_BASE": memory_base, "SGDMA_MEMORY_BYTES": memory_bytes, "SGDMA_CLOCK_HZ": parameters.clock_hz,
        "SGDMA_INTERRUPT": INTERRUPT, "SELFTEST_SQ_OFFSET": 0, "SELFTEST_CQ_OFFSET": RINGS // 2, "SELFTEST_CARD": card,
        "SELFTEST_H2C_OFFSET": h2c[0], "SELFTEST_H2C_LENGTH": h2c[1], "SELFTEST_H2C_FIELD": _field(rules, h2c[1]),
        "SELFTEST_C2H_OFFSET": c2h[0], "SELFTEST_C2H_LENGTH": c2h[1], "SELFTEST_C2H_FIELD": _field(rules, c2h[1]),
        "SELFTEST_BAD_OPCODE": bad[0], "SELFTEST_BAD_OFFSET": bad[1], "SELFTEST_BAD_LENGTH": bad[2],
        "SELFTEST_BAD_FIELD": _field(rules, bad[2]), "SELFTEST_BAD_STATUS": bad[3],
    }  # fmt: skip
    lines = [f"#define {name} 0x{value:x}u" for name, value in values.items()]
    return "\n".join(["/* Made for one build of the SoC, from its rules and its memory. */", *lines, ""])


def _u64(value: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array([value], np.uint64)


def _field(rules: RuleSet, length: int) -> int:
    return int(rules.encode_length(_u64(length))[0])


def _places() -> Iterator[tuple[int, int]]:
    """(offset, length) to try: aligned ones and small ones first."""
    for length in (64, 128, 256, 512, 1024, 2048, 4096, 48, 32, 16):
        for offset in range(0, 4096, 4):
            yield offset, length


def _legal(rules: RuleSet, way: Direction, base: int, area: int, at_least: int = 16) -> tuple[int, int, int]:
    """(offset of a segment in memory, its length, a card address) of a request of one segment in `area`."""
    for offset, length in _places():
        if length < at_least:
            continue
        for card in (offset, 0):
            if check_request(rules, way, _u64(base + area + offset), _u64(length), card) is None:
                return area + offset, length, card
    raise FirmwareError(f"rules {rules.name}: found no legal {way.name} request for the self-test")


def _illegal(rules: RuleSet, base: int, area: int, card: int) -> tuple[int, int, int, int]:
    """(opcode, offset, length, status) of a request that breaks a rule: by its start, or else by its length."""
    tried = [(way, offset, length) for length in (64, 4096) for offset in (1, 2, 4, 60) for way in Direction]
    tried += [(Direction.H2C, 0, length) for length in (8, 12, 20, 1 << 20)]
    for way, offset, length in tried:
        violation = check_request(rules, way, _u64(base + area + offset), _u64(length), card)
        if violation is not None and length in rules.encodable:
            return int(way), area + offset, length, status_of_rule(violation.rule)
    return int(Direction.H2C), area, 64, 0  # rules that refuse nothing
