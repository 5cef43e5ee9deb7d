"""``sgdma plan``: a request's plan as a picture."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sgdma.errors import UsageError
from sgdma.rules import Direction, load
from sgdma.rules.plan import Plan, plan
from sgdma.spec.layout import CARD_LAST

__all__ = ["parse_piece", "plan_command"]

_DIRECT, _BOUNCED, _PIECES = "green", "yellow", ("cyan", "blue")


def plan_command(
    pieces: Annotated[list[str], typer.Argument(metavar="ADDR+LEN...", help="Pieces, such as 0x1000+64.")],
    rules: Annotated[str, typer.Option(help="A shipped rule set, or the path of a TOML file.")] = "peculiar",
    direction: Annotated[str, typer.Option(help="h2c: the device reads host memory; c2h: it writes it.")] = "h2c",
    card_address: Annotated[str, typer.Option(help="Where the request starts on the card, such as 0x40.")] = "0",
) -> None:
    """Show how a request becomes segments: what moves directly, what is copied through the bounce area."""
    console = Console()
    try:
        way = _direction(direction)
        listed = [parse_piece(piece) for piece in pieces]
        found = plan(listed, load(rules), way, card_address=_card_address(card_address))
    except UsageError as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error
    width = max(20, console.width - 12)
    lengths = [length for _, length in listed if length]
    console.print(Text("pieces    ").append(_bar(lengths, [_PIECES[i % 2] for i in range(len(lengths))], width)))
    colours = [_BOUNCED if bounced else _DIRECT for bounced in found.bounced]
    console.print(Text("segments  ").append(_bar(found.lengths.tolist(), colours, width)))
    direct, bounced = found.direct_bytes, found.bounced_bytes
    console.print(f"[{_DIRECT}]{direct} bytes direct[/], [{_BOUNCED}]{bounced} bytes bounced[/]")
    console.print(_segment_table(found))
    if len(found.copy_length):
        console.print(f"Bounce area: {found.bounce_size} bytes on a multiple of {found.bounce_align:#x}")
        console.print(_copy_table(found, way))


def parse_piece(text: str) -> tuple[int, int]:
    """``0x1000+64`` -> (4096, 64); either number in any base that Python writes. Raises :class:`UsageError`."""
    address, plus, length = text.partition("+")
    try:
        if plus:
            return int(address, 0), int(length, 0)
    except ValueError:
        pass
    raise UsageError(f"piece {text!r}: must be ADDRESS+LENGTH, such as 0x1000+64")


def _direction(text: str) -> Direction:
    try:
        return Direction[text.upper()]
    except KeyError:
        raise UsageError(f"direction {text!r}: must be h2c or c2h") from None


def _card_address(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 0 <= (address := int(text, 0)) <= CARD_LAST:
            return address
    raise UsageError(f"--card-address {text}: must be an integer, 0..{CARD_LAST:#x}, such as 0x40")


def _bar(lengths: list[int], colours: list[str], width: int) -> Text:
    """Blocks in proportion to lengths, at least one cell each, alternating shades where colours repeat."""
    total, bar, done, cells = sum(lengths), Text(), 0, 0
    for index, (length, colour) in enumerate(zip(lengths, colours, strict=True)):
        done += length
        size = max(1, done * width // total - cells)
        cells += size
        bar.append(("█" if index % 2 == 0 else "▓") * size, style=colour)
    return bar


def _segment_table(found: Plan) -> Table:
    table = Table("segment", "kind", "address or offset", "length")
    for index, (address, length, bounced) in enumerate(
        zip(found.addresses.tolist(), found.lengths.tolist(), found.bounced.tolist(), strict=True)
    ):
        kind, place = ("bounced", f"area + {address:#x}") if bounced else ("direct", f"{address:#x}")
        table.add_row(str(index), Text(kind, style=_BOUNCED if bounced else _DIRECT), place, str(length))
    return table


def _copy_table(found: Plan, direction: Direction) -> Table:
    when = "before the transfer: piece to area" if direction is Direction.H2C else "after the transfer: area to piece"
    table = Table("piece", "memory", "area offset", "length", title=f"Copies {when}")
    rows = (found.copy_piece, found.copy_address, found.copy_offset, found.copy_length)
    for piece, address, offset, length in zip(*(part.tolist() for part in rows), strict=True):
        table.add_row(str(piece), f"{address:#x}", f"{offset:#x}", str(length))
    return table
