"""``firmware/main.py`` for the benchmark's application, which is handed the queue of telemetry."""

import gc
import sys

if hasattr(gc, "threshold"):
    gc.threshold(8192)

import echo_application

from twinkle.runtime.boot import boot

runner = boot(sys.argv[1])
echo_application.queue = runner.device.telemetry
runner.run()
