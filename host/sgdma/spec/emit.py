"""Generated artefacts of the declarations: SystemVerilog package, C header, reference page.

``python -m sgdma.spec.emit`` rewrites them in the checkout; ``tests/spec`` fails when they are stale.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path

from sgdma.rules.language import Rule
from sgdma.spec.board import CSR_BASE
from sgdma.spec.layout import CQ_POINTER_BITS, LAYOUTS, SQ_POINTER_BITS, Layout
from sgdma.spec.mailbox import (
    CONSOLE_BYTES,
    FIRMWARE_LAYOUTS,
    FIRMWARE_MAGIC,
    PROGRAMME_MAGIC,
    FirmwareCommand,
    FirmwareState,
    JobKind,
    RunnerFault,
)
from sgdma.spec.registers import BANKS, BOARD, MAGIC, map_hash
from sgdma.spec.rtl_rules import LENGTH_ENCODINGS, RULE_WORD, rules_word_bits
from sgdma.spec.status import (
    NO_SEGMENT,
    RULE_BASE,
    Command,
    Opcode,
    Port,
    QueueError,
    QueueState,
    Result,
    SlotKind,
    Status,
)

__all__ = ["ARTEFACTS", "c_header", "reference_page", "system_verilog", "write_all"]

_NOTICE = "Generated from host/sgdma/spec by `python -m sgdma.spec.emit`; edit that, not this."

_ENUMS: tuple[tuple[str, type[enum.IntEnum], int], ...] = (
    ("KIND", SlotKind, 4), ("OP", Opcode, 4), ("PORT", Port, 2), ("STATUS", Status, 8), ("QUEUE", QueueState, 4),
    ("QERR", QueueError, 4), ("CMD", Command, 3), ("RESULT", Result, 4), ("RULE", Rule, 5),
)


_FIRMWARE_ENUMS: tuple[tuple[str, type[enum.IntEnum]], ...] = (
    ("STATE", FirmwareState), ("DO", FirmwareCommand), ("JOB", JobKind), ("FAULT", RunnerFault),
)
_FIRMWARE_NUMBERS = {
    "MAGIC": MAGIC, "FIRMWARE_MAGIC": FIRMWARE_MAGIC, "PROGRAMME_MAGIC": PROGRAMME_MAGIC,
    "CSR_BASE": CSR_BASE, "CONSOLE_BYTES": CONSOLE_BYTES, "SQ_PTR": SQ_POINTER_BITS, "CQ_PTR": CQ_POINTER_BITS,
}  # fmt: skip


def _constants() -> Iterator[tuple[str, int, int]]:
    """(name, width in bits, value) of every code."""
    for prefix, codes, bits in _ENUMS:
        for code in codes:
            yield f"{prefix}_{code.name}", bits, int(code)
    yield "RULE_BASE", 8, RULE_BASE
    yield "NO_SEGMENT", 16, NO_SEGMENT


def _sv_struct(layout: Layout) -> list[str]:
    width = max(len(str(field.bits - 1)) for field in layout.fields)
    members = [f"    logic [{field.bits - 1:>{width}}:0] {field.name};" for field in reversed(layout.fields)]
    return ["  typedef struct packed {", *members, f"  }} {layout.name}_t;", ""]


def system_verilog() -> str:
    """Text of ``rtl/sgdma_pkg.sv``."""
    lines = [f"// {_NOTICE}", "// Codes, memory layouts and the rule word, as the host declares them.", "",
             "package sgdma_pkg;", ""]
    lines += [f"  localparam logic [{bits - 1}:0] {name} = {bits}'h{value:x};" for name, bits, value in _constants()]
    lines += ["", f"  localparam int SQ_PTR = {SQ_POINTER_BITS};", f"  localparam int CQ_PTR = {CQ_POINTER_BITS};"]
    lines += [f"  localparam int LENGTH_{name.upper()} = {value};" for value, name in enumerate(LENGTH_ENCODINGS)]
    lines += [f"  localparam int RULES_BITS = {rules_word_bits()};", ""]
    for layout in LAYOUTS:
        lines += _sv_struct(layout)
    members = [f"    logic [{field.bits - 1}:0] {field.name};" for field in reversed(RULE_WORD)]
    lines += ["  typedef struct packed {", *members, "  } rules_t;", "", "endpackage", ""]
    return "\n".join(lines)


def _c_struct(layout: Layout) -> list[str]:
    lines = [f"/* {layout.description} */", f"struct sgdma_{layout.name} {{"]
    for name, bits in layout.members():
        if bits == 48:
            lines += [f"    uint32_t {name}_lo;", f"    uint16_t {name}_hi;"]
        else:
            lines.append(f"    uint{bits}_t {name};")
    return [*lines, "};", f'_Static_assert(sizeof(struct sgdma_{layout.name}) == {layout.bytes}, "{layout.name}");', ""]


def c_header() -> str:
    """Text of ``firmware/include/sgdma_layout.h``."""
    lines = [f"/* {_NOTICE} */", "#ifndef SGDMA_LAYOUT_H", "#define SGDMA_LAYOUT_H", "", "#include <stdint.h>", ""]
    lines += [f"#define SGDMA_{name} 0x{value:x}u" for name, _, value in _constants()]
    lines.append("")
    for prefix, codes in _FIRMWARE_ENUMS:
        lines += [f"#define SGDMA_{prefix}_{code.name} {int(code)}u" for code in codes]
    numbers = _FIRMWARE_NUMBERS | {"MAP_HASH": map_hash()}
    lines += [f"#define SGDMA_{name} 0x{value:x}u" for name, value in numbers.items()]
    lines.append("")
    for bank in (*BANKS, BOARD):
        for register in bank.registers:
            name = f"SGDMA_REG_{bank.name}_{register.name}".upper()
            lines.append(f"#define {name} 0x{bank.address(register.name):03x}u")
    lines.append("")
    for layout in (*LAYOUTS, *FIRMWARE_LAYOUTS):
        lines += _c_struct(layout)
    return "\n".join([*lines, "#endif", ""])


def _layout_table(layout: Layout) -> list[str]:
    lines = [f"### {layout.name} ({layout.bytes} bytes)", "", layout.description, "", "| bits | field | meaning |",
             "|---|---|---|"]
    offset = 0
    for field in layout.fields:
        lines.append(f"| {offset + field.bits - 1}:{offset} | `{field.name}` | {field.description} |")
        offset += field.bits
    return [*lines, ""]


def reference_page() -> str:
    """Text of ``docs/reference.md``: codes, layouts and registers in full."""
    lines = ["# Device reference", "", _NOTICE, "", "## Memory layouts", ""]
    for layout in (*LAYOUTS, *FIRMWARE_LAYOUTS):
        lines += _layout_table(layout)
    lines += ["## Codes", ""]
    for prefix, codes, _ in _ENUMS:
        base = f" (status = 0x{RULE_BASE:02x} + value)" if codes is Rule else ""
        lines.append(f"* **{prefix}**{base}: " + ", ".join(f"{code.name} = 0x{int(code):x}" for code in codes))
    for prefix, firmware_codes in _FIRMWARE_ENUMS:
        told = ", ".join(f"{code.name} = {int(code)}" for code in firmware_codes)
        lines.append(f"* firmware, **{prefix}**: {told}")
    lines += ["", "## Registers", ""]
    for bank in (*BANKS, BOARD):
        lines += [f"### Bank `{bank.name}` at 0x{bank.base:03x} of the register region", "",
                  "| address | register | access | meaning |", "|---|---|---|---|"]
        for register in bank.registers:
            fields = "".join(f"<br>[{bits.offset + bits.size - 1}:{bits.offset}] `{bits.name}`: {bits.description}"
                             for bits in register.fields)
            lines.append(f"| 0x{bank.address(register.name):03x} | `{register.name}` | {register.access} | "
                         f"{register.description}{fields} |")
        lines.append("")
    return "\n".join(lines)


ARTEFACTS = {
    "rtl/sgdma_pkg.sv": system_verilog,
    "firmware/include/sgdma_layout.h": c_header,
    "docs/reference.md": reference_page,
}
"""Path in the checkout -> function that makes the text."""


def write_all(root: Path) -> None:
    """Rewrite every artefact below the checkout ``root``."""
    for path, make in ARTEFACTS.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    from sgdma.paths import checkout_root

    write_all(checkout_root())
