"""The work that our device and its peers do alike."""

import json

METHOD = "echo"  # answers 200 and the payload
SEND = "send"  # answers 200 at once, then sends as many telemetry messages as the payload says
PAYLOAD = {"seconds": 2, "text": "x" * 40}
BODY = json.dumps({"temp": 21.5, "humid": 40.0}).encode()
CONTENT_TYPE, CONTENT_ENCODING = "application/json", "utf-8"
VARIABLE = "BENCH_CONNECTION_STRING"  # a peer's, in its environment
READY = "ready"  # the line it prints once it is connected and listens for methods
