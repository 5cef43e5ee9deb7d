// The simulator's main program: it drives the clock, and visits cocotb only when the bench wakes Python or a timer is due.
//
// Between two visits the design runs by itself, two evaluations a cycle, without a callback. `--trace-file FILE` writes a VCD,
// `--trace-limit BYTES` bounds it (builds with waves only; waves.h).

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "waves.h"
#endif

extern "C" void vlog_startup_routines_bootstrap(void);

namespace {

constexpr uint64_t HALF = 4000;  // of a clock period, in picoseconds

// Verilator's own context and objects that end before main does: what is destroyed later may find its library gone.
VerilatedContext &context = *Verilated::defaultContextp();
std::unique_ptr<Vtop> top;
#if VM_TRACE
std::unique_ptr<Waves> waves;
#endif

void evaluate() {
    top->eval();
    VerilatedVpi::clearEvalNeeded();
}

void value_changes() {
    while (VerilatedVpi::callValueCbs()) {
    }
}

// The regions of one time step in which cocotb may act.
void visit() {
    VerilatedVpi::callCbs(cbNextSimTime);
    value_changes();
    VerilatedVpi::callTimedCbs();
    value_changes();
    do {
        evaluate();
        VerilatedVpi::doInertialPuts();
        value_changes();
        VerilatedVpi::callCbs(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        value_changes();
    } while (VerilatedVpi::evalNeeded());
    VerilatedVpi::callCbs(cbReadOnlySynch);
}

void edge(bool level) {
    context.timeInc(HALF);
    top->clk = level;
    evaluate();
#if VM_TRACE
    if (waves) waves->dump(context.time(), level, top->active);
#endif
}

void trace(int count, char **arguments) {
#if VM_TRACE
    context.traceEverOn(true);
    const char *file = nullptr, *limit = "0";
    for (int i = 1; i + 1 < count; i++) {
        if (!strcmp(arguments[i], "--trace-file")) file = arguments[i + 1];
        if (!strcmp(arguments[i], "--trace-limit")) limit = arguments[i + 1];
    }
    if (file) waves = std::make_unique<Waves>(*top, file, std::strtoull(limit, nullptr, 10));
#else
    (void)count, (void)arguments;
#endif
}

}  // namespace

int main(int count, char **arguments) {
    context.commandArgs(count, arguments);
    context.fatalOnVpiError(false);  // cocotb asks for what may not be there
    top = std::make_unique<Vtop>(&context, "");
    trace(count, arguments);
    top->clk = 0;
    vlog_startup_routines_bootstrap();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    visit();
    bool wake = top->wake;
    while (!context.gotFinish()) {
        edge(true);
        edge(false);
        if (top->wake != wake || VerilatedVpi::cbNextDeadline() <= context.time()) visit();
        wake = top->wake;
    }
    top->final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
    waves.reset();
#endif
    top.reset();
    return context.errorCount() > 0;
}
