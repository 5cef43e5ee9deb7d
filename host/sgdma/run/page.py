"""Pages of docs/ that benches write a part of: the text between a bench's two marks, and tables for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sgdma.errors import UsageError
from sgdma.run.record import write_atomically

__all__ = ["replace_section", "table"]


def replace_section(page: Path, bench: str, text: str) -> None:
    """Put `text` between the two marks of a bench on a page. Raises UsageError when the page has none."""
    begin, end = f"<!-- {bench}: made by `sgdma bench {bench} --docs` -->", f"<!-- {bench}: end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise UsageError(f"{page} has no lines {begin!r} and {end!r}; put them where the section belongs")
    write_atomically(page, f"{before}{begin}\n\n{text}\n{end}{after}")


def table(head: Sequence[str], body: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(map(str, cells))} |" for cells in body)]
