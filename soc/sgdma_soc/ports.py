"""The core's user side as ports of the generated design, for a build without the fixture.

========================= ========= =============================================================================
port                      direction meaning
========================= ========= =============================================================================
user_reset                out       high for one cycle: function-level reset; forget every request, drop all data
h2c_cmd_valid, _ready     out, in   a request from host to card is announced; its data follows on h2c
h2c_cmd_address           out       card address in bytes, 48 bit
h2c_cmd_length            out       bytes of the request, 32 bit
h2c_cmd_port, _queue      out       the request's port (2 bit) and queue pair (8 bit)
h2c_t*                    out       AXI4-Stream, one packet a request (h2c_tready is an input); tuser with tlast:
                                    the packet is broken
c2h_cmd_*                 as h2c    a request from card to host: answer with one packet of exactly its length
c2h_t*                    in        AXI4-Stream (c2h_tready is an output); tuser on any beat: the request fails
c2h_cancel                out       end the packet that the next beat belongs to, after any number of bytes
========================= ========= =============================================================================

tkeep is contiguous from lane 0, and full on all beats but a packet's last.
"""

from __future__ import annotations

from typing import Any

from litex.build.generic_platform import GenericPlatform, Pins, Subsignal

from sgdma_soc.core import SGDMA, command_layout, data_layout

__all__ = ["connect_user_side", "user_side_pads"]

_STREAM = {"valid": "tvalid", "ready": "tready", "last": "tlast", "data": "tdata", "keep": "tkeep", "error": "tuser"}
"""AXI4-Stream's name of every signal of a data channel."""


def user_side_pads(data_width: int) -> list[Any]:
    """Pads for a LiteX platform; `data_width` in bits."""
    command = [("valid", 1), ("ready", 1), *command_layout()]
    data = [(_STREAM[name], size) for name, size in [("valid", 1), ("ready", 1), ("last", 1), *data_layout(data_width)]]
    channels = {"h2c_cmd": command, "h2c": data, "c2h_cmd": command, "c2h": data}
    pads: list[Any] = [
        (channel, 0, *(Subsignal(name, Pins(size)) for name, size in signals)) for channel, signals in channels.items()
    ]
    return [*pads, ("c2h_cancel", 0, Pins(1)), ("user_reset", 0, Pins(1))]


def connect_user_side(core: SGDMA, platform: GenericPlatform) -> list[Any]:
    """Statements that connect the core's channels to those pads."""
    taken = {"ready"}
    given = {"valid", "last", "data", "keep", "error"}
    statements = [platform.request("c2h_cancel").eq(core.cancel), platform.request("user_reset").eq(core.user_reset)]
    for name, endpoint in (("h2c_cmd", core.h2c_command), ("c2h_cmd", core.c2h_command)):
        pads = platform.request(name)
        fields = ["valid", *(field for field, _ in command_layout())]
        statements += [endpoint.ready.eq(pads.ready), *(getattr(pads, f).eq(getattr(endpoint, f)) for f in fields)]
    for name, endpoint, inputs in (("h2c", core.h2c, taken), ("c2h", core.c2h, given)):
        pads = platform.request(name)
        for field, pad_name in _STREAM.items():
            signal, pad = getattr(endpoint, field), getattr(pads, pad_name)
            statements.append(signal.eq(pad) if field in inputs else pad.eq(signal))
    return statements
