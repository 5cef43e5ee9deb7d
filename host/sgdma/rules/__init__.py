"""Alignment rules: the language, the hardware's check and the planner."""

from sgdma.rules.check import Violation, check_batch, check_request, check_table
from sgdma.rules.files import load, loads, names
from sgdma.rules.language import Direction, DirectionRules, Rule, RuleSet

__all__ = [
    "Direction",
    "DirectionRules",
    "Rule",
    "RuleSet",
    "Violation",
    "check_batch",
    "check_request",
    "check_table",
    "load",
    "loads",
    "names",
]
