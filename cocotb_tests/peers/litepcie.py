"""LitePCIe's endpoint and DMA between the host of litepcie_tb.sv and user logic that never waits."""

from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from sgdma.errors import MissingSimulator, SimulatorBuildError
from sgdma.paths import build_cache
from sgdma.targets.sim.build import verilator_environment

BENCH = Path(__file__).with_name("litepcie_tb.sv")
WINDOW = 16384
REQUEST = 512  # bytes of a read request and of a write's payload at most
TAGS = 32  # reads under way


def measure(width: int, reads: bool, size: int, latency: int, payload: int = REQUEST) -> tuple[int, int]:
    """(payload beats, beats of the PHY's data direction) in WINDOW cycles of descriptors of `size` bytes.

    `payload`: bytes of a completion and of a write at most.
    """
    simulator = _built(width, reads, payload) / "Vlitepcie_tb"
    command = [str(simulator), f"+size={size}", f"+latency={latency}", f"+window={WINDOW}", f"+payload={payload}"]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(words[words.index("payload") + 1]), int(words[words.index("busy") + 1])


def _built(width: int, reads: bool, payload: int) -> Path:
    """Directory of the simulator, made when it isn't there. Raises MissingSimulator, SimulatorBuildError."""
    try:
        release = version("litepcie")
    except ModuleNotFoundError:
        raise MissingSimulator("LitePCIe is not installed; install the extra: pip install 'sgdma[pcie]'") from None
    key = hashlib.sha256(release.encode() + Path(__file__).read_bytes() + BENCH.read_bytes()).hexdigest()[:16]
    directory = build_cache() / "peers" / f"litepcie-{width}-{payload}-{'read' if reads else 'write'}-{key}"
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / "lock"):
        if not (directory / "Vlitepcie_tb").exists():
            (directory / "litepcie_peer.v").write_text(_verilog(width, reads, payload), encoding="utf-8")
            _compile(directory, width, reads)
    return directory


def _compile(directory: Path, width: int, reads: bool) -> None:
    command = [
        "verilator", "--binary", "--timing", "-O3", "-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-TIMESCALEMOD",
        "--x-initial", "fast", f"-GWIDTH={width}", f"-GREADS={int(reads)}", "-CFLAGS", "-std=gnu++20 -fcoroutines",
        "--top-module", "litepcie_tb", "--Mdir", str(directory), str(directory / "litepcie_peer.v"), str(BENCH),
    ]  # fmt: skip
    done = subprocess.run(command, env=verilator_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SimulatorBuildError(f"LitePCIe's simulator did not build\n{(done.stdout + done.stderr)[-2000:]}")


def _verilog(width: int, reads: bool, payload: int) -> str:
    """The endpoint with one DMA, its PHY's streams, descriptor stream and user stream as ports."""
    from litepcie.common import phy_layout
    from litepcie.core.endpoint import LitePCIeEndpoint
    from litepcie.frontend.dma import LitePCIeDMAReader, LitePCIeDMAWriter
    from litex.gen import ClockDomain, LiteXModule, Signal
    from litex.gen.fhdl.verilog import convert
    from litex.soc.interconnect import stream

    from sgdma_soc.standalone import combinational

    phy = LiteXModule()
    phy.data_width, phy.bar0_mask = width, 0xFFFFF
    phy.sink, phy.source = stream.Endpoint(phy_layout(width)), stream.Endpoint(phy_layout(width))
    phy.id = Signal(16, name="phy_id")
    phy.max_request_size = Signal(16, reset=REQUEST, name="phy_max_request")
    phy.max_payload_size = Signal(16, reset=payload, name="phy_max_payload")
    top = LiteXModule()
    top.cd_sys = ClockDomain("sys")
    top.endpoint = LitePCIeEndpoint(phy, max_pending_requests=TAGS, address_width=32)
    port = top.endpoint.crossbar.get_master_port(read_only=reads, write_only=not reads)
    top.dma = (LitePCIeDMAReader if reads else LitePCIeDMAWriter)(top.endpoint, port, with_table=False)
    user, valid, ready = (top.dma.source if reads else top.dma.sink), Signal(), Signal()
    top.comb += [(user.ready if reads else user.valid).eq(1), valid.eq(user.valid), ready.eq(user.ready)]

    ports, parts = {"stream_valid": valid, "stream_ready": ready}, ("valid", "ready", "last", "first", "dat", "be")
    for name, endpoint in (("tx", phy.sink), ("rx", phy.source)):
        ports |= {f"{name}_{part}": getattr(endpoint, part) for part in parts}
    for part in ("valid", "ready", "length", "last_disable"):
        ports[f"descriptor_{part}"] = getattr(top.dma.desc_sink, part)
    for name, signal in ports.items():
        signal.name_override = name
    return combinational(str(convert(top, ios={*ports.values(), top.cd_sys.clk, top.cd_sys.rst}, name="litepcie_peer")))
