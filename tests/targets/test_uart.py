"""The serial rung over a pty: the contract, the driver through board memory, and a rig that is not in order."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sgdma.engine.device import Dma, open_dma
from sgdma.errors import LinkError, PortBusy, TargetUrlError
from sgdma.spec.status import Port
from sgdma.targets import Target, conformance, open_target

from .serial_board import BASE, SIZE, SerialBoard


@pytest.fixture
def board() -> Iterator[SerialBoard]:
    made = SerialBoard()
    yield made
    made.close()


def url(board: SerialBoard, more: str = "") -> str:
    return f"uart:{board.port}?baud=1000000&csr_base=0&memory_base={BASE}&memory={SIZE - 4096}{more}"


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
def test_a_serial_board_keeps_the_contract(board: SerialBoard, check: Callable[[Target], None]) -> None:
    with open_target(url(board)) as target:
        check(target)


def test_a_block_costs_a_frame_and_not_a_frame_a_word(board: SerialBoard) -> None:
    """255 words a frame, the next on its way before the last is answered, and one of the word that is known."""
    with open_target(url(board)) as target:
        before = board.frames
        target.write_block(BASE, np.arange(2000, dtype=np.uint32))
        assert target.read_block(BASE, 2000).tolist() == list(range(2000))
        assert board.frames - before == 17


def test_bytes_beside_a_range_stay_the_boards(board: SerialBoard) -> None:
    with open_target(url(board)) as target:
        region = target.allocate(64)
        target.now()  # writes are posted: what is answered lies behind them
        board.memory.array[region.iova - BASE : region.iova - BASE + 64] = 0xEE
        region.array[:] = 0x11
        target.sync_for_device(region, 5, 6)
        target.now()
        held = board.memory.array[region.iova - BASE : region.iova - BASE + 16].tolist()
        assert held == [0xEE] * 5 + [0x11] * 6 + [0xEE] * 5
        region.array[:] = 0
        target.sync_for_host(region, 4, 3)
        assert region.array[:8].tolist() == [0, 0, 0, 0, 0xEE, 0x11, 0x11, 0]


def test_the_driver_moves_scattered_requests_through_board_memory(board: SerialBoard) -> None:
    """The same `dma` as on any rung: out and back with many requests in flight."""
    with open_dma(url(board), arena=256 << 10, contexts=64, sq_log2=8, cq_log2=7, interrupts=False) as dma:
        assert isinstance(dma, Dma)
        sent, back = dma.buffer(4096, 64), dma.buffer(4096, 64)
        sent.array[:] = np.random.default_rng(3).integers(0, 256, 4096, np.uint8)
        writes = [dma.write([sent[at : at + 100], sent[at + 100 : at + 256]], card_address=at, port=Port.MEMORY)
                  for at in range(0, 4096, 256)]  # fmt: skip
        for transfer in writes:
            transfer.result()
        reads = [dma.read(back[at : at + 256], card_address=at, port=Port.MEMORY) for at in range(0, 4096, 256)]
        for transfer in reads:
            transfer.result()
        assert np.array_equal(sent.array, back.array)


def test_a_port_in_use_is_refused_with_its_owner(board: SerialBoard) -> None:
    """Another process holds the lock that pyserial takes."""
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys; file = open(sys.argv[1], 'rb+', buffering=0); "
         "fcntl.flock(file, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()", board.port],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(PortBusy, match=rf"in use by \S+ \(process {holder.pid}\)"):
            open_target(url(board))
    finally:
        holder.communicate("")
    with open_target(url(board)) as target:
        assert target.now() >= 0


def test_a_second_opening_in_this_process_is_refused_too(board: SerialBoard) -> None:
    with open_target(url(board)):
        descriptor = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)


def test_a_silent_board_is_a_rig_error_within_the_timeout(board: SerialBoard) -> None:
    """Never zeros in place of an answer."""
    board.silent = True
    with open_target(url(board)) as target, pytest.raises(LinkError, match="no answer within 1 s"):
        target.read32(0)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [("uart:/dev/nowhere", LinkError, "can't be opened"), ("uart:", TargetUrlError, "names no port"),
     ("uart:/dev/ttyX?speed=1", TargetUrlError, "unknown; uart: has baud"),
     ("uart:/dev/ttyX?baud=fast", TargetUrlError, "must be an integer"),
     ("uart:/dev/ttyX?memory=0", TargetUrlError, r"must be 1\.\.")],
)  # fmt: skip
def test_what_is_no_port_is_refused(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_target(text)
