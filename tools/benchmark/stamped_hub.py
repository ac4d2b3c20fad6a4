"""The local hub with a stopwatch: ``twinkle hub``, and the moments at which devices were asked and answered.

A line on standard input is answered with what was noted since the last one, as JSON.
All moments are CLOCK_MONOTONIC, which is one for the whole computer.
"""

import json
import sys
import threading
import time
from collections import defaultdict

from twinkle_host.hub.command import hub
from twinkle_host.hub.doors import mqtt
from twinkle_host.hub.mqtt import Publish

REQUEST, ANSWER = "$iothub/methods/POST/", "$iothub/methods/res/"


class Notes:
    """``shares``: seconds from each request's way out to its answer, by device. ``telemetry``: the moments at
    which its messages were acknowledged."""

    def __init__(self):
        self.asked = {}
        self.forget()

    def forget(self):
        self.shares, self.telemetry = defaultdict(list), defaultdict(list)


notes = Notes()


class Connection(mqtt.Connection):
    """Notes the moments just outside of what the hub itself does with a message."""

    def send(self, topic, payload, qos):
        if topic.startswith(REQUEST):
            # Before it is encrypted and written: afterwards the device may be at work already.
            notes.asked[topic.rpartition("=")[2]] = time.monotonic()
        return super().send(topic, payload, qos)

    def _handle(self, packet):
        came = time.monotonic()
        super()._handle(packet)
        if isinstance(packet, Publish):
            if packet.topic.startswith(ANSWER):
                asked = notes.asked.pop(packet.topic.rpartition("=")[2], None)
                if asked is not None:
                    notes.shares[self._device].append(came - asked)
            elif "/messages/events/" in packet.topic:
                notes.telemetry[self._device].append(time.monotonic())


def answer_questions():
    for _ in sys.stdin:
        told = json.dumps({"shares": notes.shares, "telemetry": notes.telemetry})
        notes.forget()
        print(told, flush=True)


if __name__ == "__main__":
    mqtt.Connection = Connection
    threading.Thread(target=answer_questions, daemon=True).start()
    hub()
