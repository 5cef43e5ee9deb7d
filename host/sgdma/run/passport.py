"""What a run was made with: versions, the checkout's commit, the machine, the command line."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgdma.errors import UsageError
from sgdma.paths import checkout_root

if TYPE_CHECKING:
    from sgdma.engine.identity import Identity
    from sgdma.rules import RuleSet
    from sgdma.targets import Target

__all__ = ["changes", "describe_target", "now", "passport"]

MOST = 1 << 20
"""Characters of uncommitted changes that a run keeps."""


def now() -> str:
    """UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def passport() -> dict[str, Any]:
    """What is the same for all targets of a run."""
    return {
        "started": now(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "host": {"name": platform.node(), "system": platform.platform(), "processor": _processor(),
                 "cpus": os.cpu_count()},
        "python": platform.python_version(),
        "packages": _packages(),
        "git": _git(),
        "targets": {},
    }  # fmt: skip


def describe_target(target: Target, identity: Identity, rules: RuleSet) -> dict[str, Any]:
    """What answered: capabilities, geometry, hashes, and the rules it enforces."""
    shape = ("clock_hz", "data_width", "queues", "burst_bytes", "address_bits", "crc", "realign_h2c", "realign_c2h",
             "fixture", "list_slots", "prefetch_slots")  # fmt: skip
    return {
        "url": target.url,
        "capabilities": [flag.name.lower() for flag in target.capabilities if flag.name],
        "content_hash": f"{identity.content_hash:032x}",
        "interface": identity.version_text,
        "map_hash": f"{identity.map_hash:08x}",
        "geometry": {name: getattr(identity, name) for name in shape},
        "rules": {"name": rules.name, "title": rules.title, "hash": rules.content_hash(), "toml": rules.to_toml()},
    }


def _packages() -> dict[str, str]:
    """Installed versions of all that sgdma asks for, extras included."""
    found = {}
    try:
        wanted = ["sgdma", *(metadata.requires("sgdma") or [])]
    except metadata.PackageNotFoundError:
        wanted = ["numpy", "pytest"]
    for requirement in wanted:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(found.items()))


def _git() -> dict[str, Any]:
    try:
        root = checkout_root()
        commit = _output(["git", "rev-parse", "HEAD"], root)
        return {"commit": commit, "dirty": bool(_output(["git", "status", "--porcelain"], root))}
    except (UsageError, OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


def changes() -> str:
    """What the checkout has beyond its commit: the difference, and the names of files that git does not know."""
    try:
        root = checkout_root()
        text = _output(["git", "diff", "HEAD"], root)
        unknown = _output(["git", "ls-files", "--others", "--exclude-standard"], root).splitlines()
    except (UsageError, OSError, subprocess.SubprocessError):
        return ""
    lines = [*(f"# not in git: {name}" for name in unknown), *([text] if text else [])]
    whole = "\n".join(lines)
    return whole if len(whole) <= MOST else f"{whole[:MOST]}\n# cut here, of {len(whole)} characters"


def _output(command: list[str], where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor()
