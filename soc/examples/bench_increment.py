"""Own logic around the core in simulation: cocotbext-axi plays the host's memory and its way to the registers, and the
ordinary driver makes the requests.

``python soc/examples/bench_increment.py DIRECTORY``, with what `sgdma gen --no-fixture` wrote to DIRECTORY.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge

from sgdma.engine.device import Dma
from sgdma.spec.status import Port
from witness.target import WitnessTarget

HERE = Path(__file__).parent


def exchange(dma: Dma, size: int) -> None:
    """A packet of `size` bytes to the card; what comes back is one more in every byte."""
    sent, back = dma.buffer(size), dma.buffer(size, guard=64)
    sent.array[:] = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    answer = dma.read(back, port=Port.LOOPBACK)
    dma.write(sent, port=Port.LOOPBACK).result()
    answer.result()
    assert np.array_equal(back.array, sent.array + np.uint8(1)), f"{size} bytes came back wrong"


def abandon(dma: Dma, size: int) -> None:
    """A request is aborted in the middle of its packet or, without `size`, while it waits for one."""
    queue = dma.queue(0)
    wanted = dma.read(dma.buffer(size or 256), port=Port.LOOPBACK, queue=0)
    given = dma.write(dma.buffer(size), port=Port.LOOPBACK, queue=1) if size else None
    dma.target.sleep(2000)
    queue.abort()
    done = wanted.wait()
    assert done
    assert done.status_name == "ABORTED"
    if given:
        given.result()
    queue.resume()


def talk(target: WitnessTarget) -> None:
    with Dma(target, arena=4 << 20, interrupts=False) as dma:
        for size in (64, 4096, 2500):
            exchange(dma, size)
        for size in (0, 65536):
            abandon(dma, size)
            exchange(dma, 1000)
        dma.reset()
        exchange(dma, 7)
        dma.check()


@cocotb.test()
async def every_byte_comes_back_incremented(dut: Any) -> None:
    target = WitnessTarget(dut)
    await target.start()
    await bridge(talk)(target)


def main(directory: Path) -> None:
    """Build the simulator below `directory` and run this bench in it."""
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    from sgdma.paths import checkout_root
    from sgdma.targets.sim.build import verilator_environment

    os.environ |= verilator_environment()
    sys.path += [str(HERE), str(checkout_root() / "cocotb_tests")]  # where the simulator finds Python
    gateware, design = directory / "gateware", json.loads((directory / "build.json").read_text())
    sources = [gateware / "waivers.vlt", *(gateware / name for name in design["sources"]),
               HERE / "increment.sv", HERE / "own_top.sv"]  # fmt: skip
    runner, place = get_runner("verilator"), directory / "sim"
    runner.build(sources=sources, hdl_toplevel="own_top", parameters={"WIDTH": design["parameters"]["data_width"]},
                 build_args=["-Wall", "--timescale", "1ns/1ps"], build_dir=place)
    results = runner.test(test_module="bench_increment", hdl_toplevel="own_top", hdl_toplevel_lang="verilog",
                          build_dir=place, test_dir=place, extra_env={"SGDMA_SIM_HASH": design["content_hash"]})
    ran, failed = get_results(Path(results))
    if failed or not ran:
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
