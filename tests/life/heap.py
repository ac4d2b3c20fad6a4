"""Boots the device of a directory, runs it until it is ready, and prints what it holds of the heap."""

import gc
import sys

gc.threshold(8192)
gc.collect()
before = gc.mem_alloc()

import twinkle.runtime.boot  # noqa: E402

runner = twinkle.runtime.boot.boot(sys.argv[1])
while not runner.device.telemetry.sent:
    runner.turn()
gc.collect()
print("heap", runner.device.link.state, runner.device.telemetry.sent, gc.mem_alloc() - before, gc.mem_free())
print("modules", *sys.modules)
runner.leave("measured")
