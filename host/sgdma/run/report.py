"""``report.html`` of a run, and its summary in the terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sgdma.errors import SgdmaError
from sgdma.rules import Direction, loads
from sgdma.run import svg
from sgdma.run.alignment import alignment_map
from sgdma.run.latency import histogram, latencies
from sgdma.run.record import RunDirectory
from sgdma.run.results import Results, read_results

__all__ = ["print_summary", "write_report"]

GLYPHS = {"passed": "✓", "failed": "✗", "error": "!", "skipped": "–", "absent": "∅"}
STYLES = {"passed": "green", "failed": "bold red", "error": "bold magenta", "skipped": "yellow", "absent": "dim"}


def write_report(run: RunDirectory) -> tuple[Path, Results]:
    """Render ``report.html``, which stands by itself; where it is, and the judged results."""
    results = read_results(run)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sgdma.run"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("report.html.j2").render(
        passport=run.passport, results=results, glyphs=GLYPHS, failures=_failures(run, results),
        groups=_groups(results),
        throughput=_throughput(run.metrics), maps=_maps(run.passport), latency=_latency(run, results),
        seconds=_seconds(run.passport, results),
    )  # fmt: skip
    return run.write("report.html", page), results


def print_summary(run: RunDirectory, results: Results, console: Console) -> None:
    """Counts of every target, what is wrong, and the best figures."""
    table = Table("target", *GLYPHS, "time", title=f"run {run.path.name}", title_justify="left")
    for target in results.targets:
        counts = target.counts | {"absent": len(results.rows) - len(target.tests)}
        cells = [f"[{STYLES[name]}]{counts[name]}[/]" if counts.get(name) else "0" for name in GLYPHS]
        table.add_row(escape(target.url), *cells, f"{target.seconds:.1f} s")
    console.print(table)
    for target in results.targets:
        if target.trouble:
            console.print(f"[bold red]{escape(target.url)}[/]: {target.trouble}")
        again = {bundle["test"]: bundle["again"] for bundle in run.failures(target.slug)}
        for name, test in target.tests.items():
            if test.status in ("failed", "error"):
                lines = [name, *test.reason.splitlines()[:1], *([again[name]] if name in again else [])]
                told = "\n  ".join(map(escape, lines))
                console.print(f"[{STYLES[test.status]}]{test.status}[/] {told}", soft_wrap=True, highlight=False)
    for row in results.holes:
        missing = [t.url for t, cell in zip(results.targets, row.cells, strict=True) if cell.status == "absent"]
        console.print(f"[red]absent[/] on {escape(', '.join(missing))}: {escape(row.key)}", soft_wrap=True)
    for best in _best(run.metrics):
        console.print(best)
    verdict = "[bold green]good[/]" if results.good else "[bold red]not good[/]"
    console.print(f"{verdict}: {run.path / 'report.html'}", soft_wrap=True, highlight=False)


def _best(rows: list[dict[str, Any]]) -> list[str]:
    """The highest throughput of every target and direction, in words."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["target"], row["direction"]), []).append(row)
    words = ("{target} {direction}: {bytes_per_cycle:.2f} of {bus} bytes a cycle at {segment_size} byte segments, "
             "{utilisation:.1%} of what the bus allows")  # fmt: skip
    return [escape(words.format(**max(group, key=lambda row: row["bytes_per_cycle"]))) for group in groups.values()]


def _seconds(passport: Mapping[str, Any], results: Results) -> float:
    """From the start of the run to the end of its last session."""
    ends = [str(target.about["finished"]) for target in results.targets if target.about.get("finished")]
    if not ends:
        return 0.0
    begin = datetime.fromisoformat(passport["started"])
    return (datetime.fromisoformat(max(ends)) - begin).total_seconds()


def _groups(results: Results) -> list[dict[str, Any]]:
    """Rows by module, with what there is beside passes in words; ``bad``: something to look at."""
    found = []
    for name, of_group in groupby(results.rows, key=lambda row: row.group):
        rows = list(of_group)
        counts = Counter(cell.status for row in rows for cell in row.cells)
        told = ", ".join(f"{counts[status]} {status}" for status in GLYPHS if status != "passed" and counts[status])
        bad = bool(counts["failed"] or counts["error"] or any(row.wrong for row in rows))
        passed = [row for row in rows if all(cell.status == "passed" for cell in row.cells)]
        notable = [row for row in rows if row not in passed]
        words = told or "all passed everywhere"
        found.append({"name": name, "rows": rows, "told": words, "bad": bad, "passed": passed, "notable": notable})
    return found


def _failures(run: RunDirectory, results: Results) -> list[dict[str, Any]]:
    """Bundles of all targets, as the page shows them."""
    found = []
    for target in results.targets:
        for bundle in run.failures(target.slug):
            recent = [json.dumps(event, separators=(", ", ": ")) for event in bundle.get("recent", [])]
            found.append(bundle | {"recent": recent})
    return found


def _throughput(rows: list[dict[str, Any]]) -> dict[str, Any]:
    pictures = {side.name: svg.throughput(rows, side.name) for side in Direction}
    names = list(dict.fromkeys((row["target"], row.get("rules", "")) for row in rows))
    return {"pictures": {name: picture for name, picture in pictures.items() if picture}, "names": names, "rows": rows}


def _maps(passport: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The alignment maps of every rule set that the run met."""
    described = [about["rules"] for about in passport.get("targets", {}).values() if "rules" in about]
    sets = {told["hash"]: told for told in described}
    found = []
    for told in sets.values():
        try:
            rules = loads(told["toml"])
        except SgdmaError:
            continue  # written by another version; the rest of the report is still good
        for side in Direction:
            seen = alignment_map(rules, side)
            shares = {name: seen.share(kind) for kind, name in svg.KINDS.items()}
            picture = svg.alignment(seen)
            found.append({"rules": told["name"], "direction": side.name, "picture": picture, "shares": shares})
    return found


def _latency(run: RunDirectory, results: Results) -> list[dict[str, Any]]:
    """Histogram and percentiles of every target and direction."""
    found = []
    for target in results.targets:
        for direction, cycles in latencies(run.transactions(target.slug)).items():
            edges, counts = histogram(cycles)
            middle, most, nearly, longest = np.percentile(cycles, [50, 90, 99, 100]).tolist()
            found.append({
                "target": target.url, "direction": direction, "requests": len(cycles), "p50": middle, "p90": most,
                "p99": nearly, "max": longest,
                "picture": svg.distribution(edges, counts, f"latency {target.url} {direction}"),
            })  # fmt: skip
    return found
