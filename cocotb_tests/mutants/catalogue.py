"""Ten deliberate RTL bugs, each a replacement of one expression that a plusarg switches on.

All live in one simulator: ``old`` becomes ``(sgdma_mutants_pkg::active == N ? new : old)``, where `pattern` has the
place of the expression as ``@``. Number 0 is the healthy core.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MUTANTS", "Mutant", "infect"]


@dataclass(frozen=True)
class Mutant:
    """One bug: `name`, the file below rtl/, the text around the expression, and the expression right and wrong."""

    name: str
    file: str
    pattern: str
    old: str
    new: str
    suite: str  # pytest -k expression of the suite's tests that should notice


MUTANTS = (
    Mutant("boundary off by one beat", "sgdma_split.sv", "assign extent = to - @;", "from",
           "from - (BB - CUT)'(!final_reg)", "test_transfers"),
    Mutant("lost last strobe", "sgdma_cut.sv", "assign beat_strobe = ({BYTES{1'b1}} << lane) & (@);",
           "{BYTES{1'b1}} >> ~tail", "{BYTES{1'b1}} >> ~tail >> want_last", "test_transfers"),
    Mutant("doubled completion", "sgdma_complete.sv", "taken_reg <= pick_ready && @ ?", "source_valid",
           "source_valid && timestamp[4:0] != 5'd7", "test_concurrency"),
    Mutant("early completion", "sgdma_c2h.sv", "assign log_take = log_valid && result_room && (log_kill || @);",
           "b_valid", "1'b1", "test_concurrency or test_integrity"),
    Mutant("phase error at the wrap", "sgdma_complete.sv", "record.phase = {15'd0, @};",
           "BEATS == 1 ? !wrapped : !wrapped_reg", "1'b1", "test_rings"),
    Mutant("lost interrupt at re-arm", "sgdma_irq.sv", "if (arm_reg[q]) armed_reg[q] <= @;", "1'b1", "!some_reg[q]",
           "test_interrupts"),
    Mutant("wrong segment index", "sgdma_judge.sv",
           "status = sgdma_pkg::RULE_BASE + 8'(judge_rule);\n        index = @;", "judge_index",
           "judge_index + 16'd1", "test_rules"),
    Mutant("ignored bus error", "sgdma_h2c.sv", ".burst_bad(@)", "data_error", "1'b0", "test_faults"),
    Mutant("abort leaking a write", "sgdma_cut.sv", "assign rollback = @;", "early || cut_begin", "1'b0",
           "test_faults"),
    Mutant("unfair queue", "sgdma_turn.sv", "if (candidate[@ % QUEUES]) next = QW'(@ % QUEUES);",
           "(32'(queue) + i)", "(i - 1)", "test_concurrency"),
)  # fmt: skip

_PACKAGE = """// Which deliberate bug is on; 0 is none.
package sgdma_mutants_pkg;
  int active = 0;
endpackage
"""
_SWITCH = """
  initial void'($value$plusargs("mutant=%d", sgdma_mutants_pkg::active));

endmodule
"""


def _choice(number: int, mutant: Mutant) -> str:
    return f"(sgdma_mutants_pkg::active == {number} ? ({mutant.new}) : ({mutant.old}))"


def infect(gateware: Path) -> list[str]:
    """Put all bugs, switched off, into copied sources; returns the names of files to add to the build.

    Raises ValueError when an expression is no longer there: the catalogue must follow the RTL.
    """
    for number, mutant in enumerate(MUTANTS, 1):
        path = gateware / mutant.file
        text, place = path.read_text(), mutant.pattern.replace("@", mutant.old)
        if text.count(place) != 1:
            raise ValueError(f"mutant {mutant.name!r}: {mutant.file} does not hold exactly one {place!r}")
        path.write_text(text.replace(place, mutant.pattern.replace("@", _choice(number, mutant))))
    core = gateware / "sgdma_core.sv"
    head, _, _ = core.read_text().rpartition("endmodule")
    core.write_text(head.rstrip() + "\n" + _SWITCH)
    (gateware / "sgdma_mutants_pkg.sv").write_text(_PACKAGE)
    return ["sgdma_mutants_pkg.sv"]
