"""The SG DMA core as a LiteX module: SystemVerilog inside, CSRs, AXI and streams outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litex.gen import Cat, ClockSignal, Constant, If, Instance, ResetSignal, Signal
from litex.soc.interconnect import stream
from litex.soc.interconnect.axi import AXIInterface
from litex.soc.interconnect.csr_eventmanager import EventManager, EventSourcePulse

from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import DEVICE, MAGIC, VERSION, map_hash
from sgdma.spec.rtl_rules import rules_word_bits
from sgdma_soc.bank import BankModule

__all__ = ["SGDMA", "add_sources", "command_layout", "data_layout", "rtl_sources"]


def rtl_sources(root: Path) -> list[Path]:
    """The core's and fixture's SystemVerilog below the checkout `root`, the package first."""
    package = root / "rtl" / "sgdma_pkg.sv"
    return [package, *(path for path in sorted((root / "rtl").glob("sgdma_*.sv")) if path != package)]


def add_sources(platform: Any, root: Path) -> None:
    """Tell a LiteX platform about the sources."""
    for path in rtl_sources(root):
        platform.add_source(str(path), language="systemverilog")


def command_layout() -> list[tuple[str, int]]:
    """Stream that announces a request to user logic before its data."""
    return [("address", 48), ("length", 32), ("port", 2), ("queue", 8)]


def data_layout(data_width: int) -> list[tuple[str, int]]:
    """Payload stream: one packet a request; `keep` contiguous from lane 0, partial on the last beat only."""
    return [("data", data_width), ("keep", data_width // 8), ("error", 1)]


class SGDMA(BankModule):
    """Scatter-gather DMA core.

    ::

                 CSRs, events
                      |
        AXI4   +------+------+  h2c_command, h2c
       <------>|  sgdma_core |-------------------> user logic
        memory |             |<-------------------
               +-------------+  c2h_command, c2h, cancel
    """

    def __init__(self, parameters: BuildParameters, content_hash: int = 0, address_width: int = 64) -> None:
        super().__init__(DEVICE)
        width = parameters.data_width
        self.parameters = parameters
        self._content_hash = content_hash
        self.axi = AXIInterface(data_width=width, address_width=address_width, id_width=1)
        self.h2c_command = stream.Endpoint(command_layout())
        self.h2c = stream.Endpoint(data_layout(width))
        self.c2h_command = stream.Endpoint(command_layout())
        self.c2h = stream.Endpoint(data_layout(width))
        self.cancel = Signal()
        self.user_reset = Signal()
        self.vectors = Signal(parameters.queues + 1)  # one pulse each: the queues, then errors
        self.messages = Signal(parameters.queues + 1)  # the same where enabled: a message each, as by MSI-X

        # # #

        self._add_events(parameters.queues)
        self._add_time()
        self._add_core(address_width)

    def _add_events(self, queues: int) -> None:
        self.ev = EventManager()
        for queue in range(queues):
            setattr(self.ev, f"queue{queue}", EventSourcePulse(description=f"Completions of queue pair {queue}."))
        self.ev.error = EventSourcePulse(description="A queue pair has gone into ERROR.")
        self.ev.finalize()
        sources = [getattr(self.ev, f"queue{queue}") for queue in range(queues)] + [self.ev.error]
        self.comb += [source.trigger.eq(self.vectors[index]) for index, source in enumerate(sources)]
        self._add_messages(sources)

    def _add_messages(self, sources: list[EventSourcePulse]) -> None:
        """A vector sends a message when it fires while it is enabled, or is enabled while it is pending."""
        enable, before = self.ev.enable.storage, Signal(len(self.vectors))
        pending = Cat(*(source.pending for source in sources))
        self.sync += before.eq(enable)
        self.comb += self.messages.eq(enable & (self.vectors | (pending & ~before)))

    def identity(self) -> dict[str, int]:
        """The registers that never change, and their values."""
        parameters = self.parameters
        fields = {
            "version": {"minor": VERSION & 0xFFFF, "major": VERSION >> 16},
            "geometry": parameters.geometry(),
            "limits": {"list_slots": parameters.list_slots, "prefetch_slots": parameters.prefetch_slots},
        }  # fmt: skip
        packed = {name: sum(value << DEVICE.register(name).field(field).offset for field, value in values.items())
                  for name, values in fields.items()}  # fmt: skip
        hashes = {f"hash{index}": self._content_hash >> (32 * index) & 0xFFFFFFFF for index in range(4)}
        return packed | hashes | {"magic": MAGIC, "map_hash": map_hash(), "rules_hash": parameters.rules_hash(),
                                  "clock_hz": parameters.clock_hz}  # fmt: skip

    def do_finalize(self) -> None:
        """Called by LiteX. Without a memory to read through, constants are in the registers' multiplexer."""
        if self.memory is None:
            for name, value in self.identity().items():
                self.show(name, value)

    def _add_time(self) -> None:
        self.now = Signal(64)
        high = Signal(32)
        self.comb += [self.time_lo.status.eq(self.now[:32]), self.time_hi.status.eq(high)]
        self.sync += If(self.time_lo.we, high.eq(self.now[32:]))

    def _add_core(self, address_width: int) -> None:
        ports = self._register_ports() | self._axi_ports() | self._user_ports()
        values = self.parameters.rtl_parameters() | {"ADDR_WIDTH": address_width}
        bits = {"H2C_RULES": rules_word_bits(), "C2H_RULES": rules_word_bits(), "TABLE_BOUNDARY": 64,
                "CRC": 1, "REALIGN_H2C": 1, "REALIGN_C2H": 1}  # fmt: skip
        self.specials += Instance(
            "sgdma_core",
            **{f"p_{name}": Constant(value, bits.get(name, 32)) for name, value in values.items()},
            i_clk=ClockSignal("sys"), i_rst=ResetSignal("sys"), **ports,
        )

    def _register_ports(self) -> dict[str, Any]:
        size, moderation = self.queue_size.fields, self.queue_moderation.fields
        state, status = self.queue_state.fields, self.status.fields
        tail, head = self.sq_doorbell, self.cq_doorbell
        return {
            "i_ctl_reset": self.control.re & self.control.storage[0],
            "o_sts_reset_busy": status.reset_busy, "o_sts_idle": status.idle, "o_sts_stray": status.stray_doorbell,
            "o_time_now": self.now,
            "i_cfg_queue": self.queue_select.storage[:8],
            "i_cfg_sq_base": Cat(self.queue_sq_base_lo.storage, self.queue_sq_base_hi.storage),
            "i_cfg_cq_base": Cat(self.queue_cq_base_lo.storage, self.queue_cq_base_hi.storage),
            "i_cfg_sq_log2": size.sq_log2, "i_cfg_cq_log2": size.cq_log2,
            "i_cfg_count": moderation.count, "i_cfg_time": moderation.time,
            "i_cmd_valid": self.queue_command.re, "i_cmd_op": self.queue_command.fields.op,
            "o_cmd_result": self.queue_result.fields.result,
            "o_q_state": state.state, "o_q_error": state.error, "o_q_in_flight": state.in_flight,
            "o_q_sq_head": self.queue_sq_head.status, "o_q_cq_tail": self.queue_cq_tail.status,
            "i_sq_db_valid": tail.re, "i_sq_db_queue": tail.fields.queue, "i_sq_db_tail": tail.fields.tail,
            "i_cq_db_valid": head.re, "i_cq_db_queue": head.fields.queue, "i_cq_db_head": head.fields.head,
            "i_cq_db_arm": head.fields.arm,
            "o_irq": self.vectors[:-1], "o_irq_error": self.vectors[-1],
        }  # fmt: skip

    def _axi_ports(self) -> dict[str, Any]:
        axi = self.axi
        self.comb += [axi.aw.cache.eq(0b0011), axi.ar.cache.eq(0b0011)]
        ports: dict[str, Any] = {}
        for name, channel in (("ar", axi.ar), ("aw", axi.aw)):
            ports |= {f"o_m_axi_{name}valid": channel.valid, f"i_m_axi_{name}ready": channel.ready,
                      f"o_m_axi_{name}id": channel.id, f"o_m_axi_{name}addr": channel.addr,
                      f"o_m_axi_{name}len": channel.len, f"o_m_axi_{name}size": channel.size,
                      f"o_m_axi_{name}burst": channel.burst}
        return ports | {
            "i_m_axi_rvalid": axi.r.valid, "o_m_axi_rready": axi.r.ready, "i_m_axi_rid": axi.r.id,
            "i_m_axi_rdata": axi.r.data, "i_m_axi_rresp": axi.r.resp, "i_m_axi_rlast": axi.r.last,
            "o_m_axi_wvalid": axi.w.valid, "i_m_axi_wready": axi.w.ready, "o_m_axi_wdata": axi.w.data,
            "o_m_axi_wstrb": axi.w.strb, "o_m_axi_wlast": axi.w.last,
            "i_m_axi_bvalid": axi.b.valid, "o_m_axi_bready": axi.b.ready, "i_m_axi_bid": axi.b.id,
            "i_m_axi_bresp": axi.b.resp,
        }  # fmt: skip

    def _user_ports(self) -> dict[str, Any]:
        ports: dict[str, Any] = {"o_user_reset": self.user_reset, "o_c2h_cancel": self.cancel}
        for name, command in (("h2c", self.h2c_command), ("c2h", self.c2h_command)):
            ports |= {f"o_{name}_cmd_valid": command.valid, f"i_{name}_cmd_ready": command.ready,
                      f"o_{name}_cmd_address": command.address, f"o_{name}_cmd_length": command.length,
                      f"o_{name}_cmd_port": command.port, f"o_{name}_cmd_queue": command.queue}
        for name, data, give, take in (("h2c", self.h2c, "o", "i"), ("c2h", self.c2h, "i", "o")):
            ports |= {f"{give}_{name}_valid": data.valid, f"{take}_{name}_ready": data.ready,
                      f"{give}_{name}_data": data.data, f"{give}_{name}_keep": data.keep,
                      f"{give}_{name}_last": data.last, f"{give}_{name}_error": data.error}
        return ports
