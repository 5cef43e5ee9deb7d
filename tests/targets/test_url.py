"""URLs of targets: what they say and how they are refused."""

from __future__ import annotations

import pytest

from sgdma.errors import BuildParameterError, OutOfMemory, PciAddressError, RulesFileError, TargetUrlError, UsageError
from sgdma.targets import SCHEMES, open_target
from sgdma.targets.url import check, parse


def test_a_url_is_taken_apart() -> None:
    url = parse("sim:uart?rules=nvme-prp&queues=2")
    assert (url.scheme, url.path, url.query) == ("sim", "uart", {"rules": "nvme-prp", "queues": "2"})


@pytest.mark.parametrize(
    ("text", "error", "named"),
    [
        ("modl:", TargetUrlError, "model:"),
        ("model", TargetUrlError, "model:"),
        ("model:?queues", TargetUrlError, "name=value"),
        ("model:?queues=1&queues=2", TargetUrlError, "queues"),
        ("model:?quueues=1", BuildParameterError, "queues"),
        ("model:?queues=0", BuildParameterError, "1..31"),
        ("model:?queues=many", BuildParameterError, "integer"),
        ("model:?data_width=96", BuildParameterError, "64, 128, 256, 512"),
        ("model:?burst_bytes=8192", BuildParameterError, "power of two"),
        ("model:?data_width=64&burst_bytes=4096", BuildParameterError, "16..2048"),
        ("model:?list_slots=128", BuildParameterError, "max_segments"),
        ("model:?rules=nope", RulesFileError, "peculiar"),
        ("model:?memory=5", TargetUrlError, "65536"),
        ("model:?memory=0xfffffffffffff000", TargetUrlError, "65536..4294967296"),
        ("model:?jitter=x", TargetUrlError, "jitter"),
        ("model:?jitter=-1", TargetUrlError, "0..4294967295"),
        ("model:?base=1", TargetUrlError, "multiple of 4096"),
        ("model:?jittr=1", BuildParameterError, "jitter"),
        ("model:queues=2", TargetUrlError, "model:?name=value"),
        ("null:foo", TargetUrlError, "null:?name=value"),
        ("sim:bar", TargetUrlError, "sim:pcie and sim:uart"),
        ("sim:?latency=-1", TargetUrlError, "0..4294967295"),
        ("sim:?backpressure=256", TargetUrlError, "0..255"),
        ("sim:?latencey=5", BuildParameterError, "latency, jitter"),
        ("sim:pcie?iova=1", TargetUrlError, "multiple of 4096"),
        ("sim:pcie?mps=5", TargetUrlError, "one of"),
        ("sim:uart?dram=2", TargetUrlError, "0..1"),
        ("sim:uart?link=bone", TargetUrlError, "uartbone"),
        ("sim:uart?memry=8192", BuildParameterError, "memory, dram, link"),
        ("uart:", TargetUrlError, "uart:/dev/ttyUSB0"),
        ("uart:/dev/null?timeout=0", TargetUrlError, "1..4294967295"),
        ("vfio:", TargetUrlError, "vfio:0000:01:00.0"),
        ("vfio:xx", PciAddressError, "'xx' is no PCI address"),
        ("vfio-user:/x?memory=5", TargetUrlError, "1048576"),
    ],
)
def test_a_wrong_url_is_refused_with_the_remedy(text: str, error: type[UsageError], named: str) -> None:
    with pytest.raises(error, match=named.replace("..", r"\.\.").replace("?", r"\?")):
        check(text)


@pytest.mark.parametrize("text", ["model:", "null:", "sim:", "sim:pcie", "sim:uart", "uart:/dev/x", "vfio-user:/x"])
def test_a_right_url_is_checked_without_opening_it(text: str) -> None:
    check(text)


def test_a_plus_is_a_plus() -> None:
    assert parse("model:?rules=a+b.toml").query == {"rules": "a+b.toml"}


def test_every_scheme_says_what_it_is_and_needs() -> None:
    assert all(scheme.title and scheme.needs and scheme.example.startswith(name) for name, scheme in SCHEMES.items())


def test_memory_that_is_used_up_is_a_rig_error() -> None:
    with open_target("model:?memory=65536") as target, pytest.raises(OutOfMemory, match="65536"):
        target.allocate(1 << 20)
