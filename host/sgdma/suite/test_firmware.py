"""A board's own CPU: its bring-up self-test, and request programmes at the speed of the hardware."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sgdma.engine.device import Dma, open_dma
from sgdma.engine.firmware import Firmware
from sgdma.engine.programme import Request, Scenario, execute
from sgdma.spec.mailbox import RunnerFault
from sgdma.spec.status import Status
from sgdma.suite.soak import soak

pytestmark = [pytest.mark.needs("cpu"), pytest.mark.dma_options(arena=256 << 10, sq_log2=6, cq_log2=5)]

MANY = 10_000


def scenario(dma: Dma, rng: np.random.Generator, requests: int) -> Scenario:
    """For this device: its rules, its queue pairs, memory that every rule set's requests fit into."""
    card = dma.fixture.read("memory_bytes")
    memory = min(4 << 20, 1 << dma.target.memory_bytes.bit_length() - 2)
    return soak(dma.rules, len(dma.queues), rng, requests=requests, memory=memory, card=card, depth=256)


def test_the_boards_self_test_passes(dma: Dma) -> None:
    """Without any help of the host: clock, registers, memory, DMA both ways, rules, interrupt, reset."""
    outcome = Firmware(dma.target).restart()
    dma.reset()  # the self-test has used the device
    assert outcome.good, outcome.tap
    assert outcome.tap.count("\nok ") == outcome.passed > 10


def test_the_boards_cpu_comes_to_what_the_model_comes_to(dma: Dma, rng: np.random.Generator) -> None:
    """Ten thousand requests, some of them against the rules: the digest over all completions is the model's."""
    made = scenario(dma, rng, MANY)
    outcome = Firmware(dma.target).run(made, dma.rules, len(dma.queues))
    dma.reset()
    assert outcome.good, outcome
    assert outcome.requests >= MANY
    assert any(request.status for request in made.requests) or not made.requests
    geometry = f"rules={dma.rules.name}&data_width={dma.identity.data_width}&queues={len(dma.queues)}"
    sizes = f"memory_bytes={dma.fixture.read('memory_bytes')}&crc={int(dma.identity.crc)}"
    with open_dma(f"model:?{geometry}&{sizes}", arena=16 << 20) as model:
        expected = execute(made, model)
    assert (outcome.digest, outcome.bytes) == (expected.digest, expected.bytes)


def test_a_wrong_expectation_is_reported_with_round_and_request(dma: Dma, rng: np.random.Generator) -> None:
    """The first failure is named, and the programme goes on to its end."""
    made = scenario(dma, rng, 200)
    operations = list(made.operations)
    place = [at for at, operation in enumerate(operations) if isinstance(operation, Request)][5]
    wrong = operations[place]
    assert isinstance(wrong, Request)
    operations[place] = dataclasses.replace(wrong, status=int(Status.STREAM_ERROR))
    outcome = Firmware(dma.target).run(dataclasses.replace(made, operations=operations), dma.rules, len(dma.queues))
    dma.reset()
    assert outcome.fault is RunnerFault.STATUS
    assert outcome.first[:2] == (0, 5)
    assert outcome.requests == outcome.completions >= 200
