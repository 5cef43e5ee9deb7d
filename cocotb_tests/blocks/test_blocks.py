"""Builds each module on its own and runs its cocotb bench in Verilator; ``pytest cocotb_tests/blocks``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cocotb_tools.runner import get_results, get_runner
from filelock import FileLock

from sgdma.paths import build_cache, checkout_root
from sgdma.rules import load
from sgdma.spec.rtl_rules import LENGTH_ENCODINGS, pack_rules, rules_word_bits
from sgdma.targets.sim.build import verilator_environment

pytestmark = pytest.mark.sim


@dataclass(frozen=True)
class Block:
    """One module, its bench and the parameters it is built with."""

    module: str
    bench: str
    parameters: dict[str, object] = field(default_factory=dict)
    rules: str = ""

    @property
    def name(self) -> str:
        """Readable and unique."""
        rules = [self.rules] if self.rules else []
        return "-".join([self.module, *rules, *(f"{value}" for value in self.parameters.values())])

    def values(self) -> dict[str, object]:
        """Parameters, those of the rule set included."""
        if not self.rules:
            return self.parameters
        rules, bits = load(self.rules), rules_word_bits()
        return self.parameters | {
            "ADDRESS_BITS": rules.address_bits, "LENGTH_BITS": rules.length_bits,
            "LENGTH_ENCODING": LENGTH_ENCODINGS.index(rules.length_encoding),
            "H2C_RULES": f"{bits}'h{pack_rules(rules.h2c):x}", "C2H_RULES": f"{bits}'h{pack_rules(rules.c2h):x}",
        }  # fmt: skip


_PLAIN = {"QUEUES": 2, "REALIGN_H2C": 0, "REALIGN_C2H": 0, "CRC": 0}
BLOCKS = [
    *(Block("sgdma_rules", "bench_rules", rules=name)
      for name in ("peculiar", "nvme-prp", "nvme-sgl", "ata-prd", "e1000-82544")),
    Block("sgdma_split", "bench_split"),
    Block("sgdma_pack", "bench_realign"),
    Block("sgdma_unpack", "bench_realign"),
    Block("sgdma_packet_fifo", "bench_memories", {"DEPTH": 16}),
    Block("sgdma_crc32c", "bench_memories"),
    Block("sgdma_complete", "bench_complete", {"DATA_WIDTH": 64}),
    Block("sgdma_complete", "bench_complete", {"DATA_WIDTH": 512}),
    *(Block("sgdma_command", "bench_command", {"TABLE_ALIGN": align, "TABLE_BOUNDARY": boundary, "ADDRESS_BITS": bits})
      for align, boundary, bits in ((64, 0, 64), (256, 1 << 16, 48), (64, 1 << 30, 40), (4096, 4096, 32))),
    Block("sgdma_queues", "bench_queues"),
    Block("sgdma_irq", "bench_irq"),
    Block("sgdma_tlp_msix", "bench_msix"),
    *(Block(f"sgdma_{way}", f"bench_{way}", {"DATA_WIDTH": width, "REALIGN": realign, "CRC": crc})
      for way in ("h2c", "c2h") for width, realign, crc in ((64, 1, 0), (64, 0, 1), (256, 1, 1))),
    Block("sgdma_fetch", "bench_fetch", {"DATA_WIDTH": 64}),
    Block("sgdma_fetch", "bench_fetch", {"DATA_WIDTH": 256}),
    *(Block("sgdma_core", "bench_lives", _PLAIN | {"DATA_WIDTH": width}, rules="aligned64") for width in (64, 256)),
    Block("sgdma_core", "bench_lives", {"QUEUES": 2, "CRC": 0, "LIST_SLOTS": 128}, rules="sdhci-adma2"),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_block(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench's cocotb tests pass."""
    root = checkout_root()
    directory = build_cache() / "blocks" / block.name
    directory.mkdir(parents=True, exist_ok=True)
    environment = verilator_environment()
    for name in ("PATH", "MAKEFLAGS"):
        monkeypatch.setenv(name, environment[name])
    monkeypatch.syspath_prepend(str(root / "cocotb_tests"))
    runner = get_runner("verilator")
    with FileLock(directory / "lock"):
        runner.build(
            sources=[root / "rtl" / "waivers.vlt", *_sources(root)], hdl_toplevel=block.module, build_dir=directory,
            parameters=block.values(), build_args=["-Wno-fatal", "-O1"], log_file=directory / "build.log",
        )  # fmt: skip
        results = runner.test(
            test_module=f"blocks.{block.bench}", hdl_toplevel=block.module, hdl_toplevel_lang="verilog",
            build_dir=directory, test_dir=directory, results_xml=str(directory / "results.xml"),
            log_file=directory / "test.log",
            extra_env={"SGDMA_BLOCK": block.module, "SGDMA_RULES": block.rules,
                       "SGDMA_PARAMETERS": json.dumps(block.parameters),
                       "SGDMA_SEED": os.environ.get("SGDMA_SEED") or "1"},
        )  # fmt: skip
    ran, failed = get_results(Path(results))
    log = (directory / "test.log").read_text(errors="replace")
    assert ran > 0 and failed == 0, f"{failed} of {ran} failed; log in {directory / 'test.log'}\n{log[-6000:]}"


def _sources(root: Path) -> list[Path]:
    rtl = root / "rtl"
    packages = [rtl / "sgdma_pkg.sv", rtl / "pcie" / "sgdma_tlp_pkg.sv"]
    return [*packages, *(path for path in sorted(rtl.rglob("sgdma_*.sv")) if path not in packages)]
