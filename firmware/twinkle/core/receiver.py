"""What comes from the hub, to the part of the device it is for."""

from . import hub
from .document import check, decode, missing
from .errors import BadRequest


def _read_twin(payload):
    # Both sections as objects, and a version that can be compared.
    twin = check(decode(payload), 1)
    for name in ("desired", "reported"):
        if not isinstance(twin.setdefault(name, {}), dict):
            raise BadRequest("its %s is not a JSON object" % name)
    version = twin["desired"].get("$version", 0)
    if isinstance(version, bool) or not isinstance(version, int):
        raise BadRequest("its $version is not a whole number")
    return twin


class Receiver:
    """Reads topics and bodies for ``device``, a Device."""

    def __init__(self, device):
        self._device = device

    def on_message(self, topic, payload, now):
        """One message; see Device.on_message."""
        device = self._device
        try:
            about = hub.classify(topic)
        except ValueError:
            about = None
        if about is None:
            device.complain("a message on a topic that is not this device's: ignored")
        elif about[0] == "method":
            if about[2]:
                device.methods.call(about[1], about[2], payload, now)
            else:
                device.complain("a method call without a request id that can be answered: ignored")
        elif about[0] == "twin":
            self._on_twin(about, payload, now)
        elif about[0] == "desired":
            self._on_desired(about[1], payload, now)
        elif about[0] == "message" and device.app.on_message:
            device.handlers.on_message(device.app.on_message, about[1], payload)

    def _on_twin(self, about, payload, now):
        device = self._device
        status, rid, body = about[1], about[2], None
        if status == 200:
            try:
                body = _read_twin(payload)
            except BadRequest as error:
                if device.twin.on_unusable(rid):
                    device.complain("the twin cannot be used, the last one known stays: " + error.text)
                    self._tell({}, now)
                return
        answer = device.twin.on_answer(status, rid, body, now)
        if answer:
            self._tell(answer[1], now)
            device.handlers.on_change(answer[0], device.twin.desired)
            device.writables.on_twin(device.twin.desired, answer[1], device.twin.version, now)
            if not device.safe:
                device.config.on_desired(device.twin.desired)

    def _tell(self, reported, now):
        device = self._device
        # What the hub does not know yet; with an empty ``reported`` that is all of it.
        if device.link.fire("synced", now, "ready"):
            device.say("info", "ready: %s on %s" % (device.identity.device_id, device.identity.host))
        if not device.safe:
            device.config.reconcile(reported)
        device.sensor.reconcile(reported)
        patch = missing(device.app.properties(device.board), reported) if device.app.properties else {}
        patch.update(device.reboot.owed(device.clock.utc(now), now))
        if device.telemetry.dropped and reported.get("droppedMessages") != device.telemetry.dropped:
            patch["droppedMessages"] = device.telemetry.dropped
        if "safeMode" in reported and not device.safe:
            patch["safeMode"] = None
        if device.problem:
            patch["lastError"], device.problem = device.problem, None
        if patch:
            device.twin.report(patch, device.reboot.reported, "reboot")

    def _on_desired(self, version, payload, now):
        device = self._device
        try:
            if version is None:
                raise BadRequest("it has no $version")
            patch = check(decode(payload))
        except BadRequest as error:
            # What it said is still in the twin, unless it is as bad there.
            device.complain("a desired change cannot be used: " + error.text)
            return
        patch = device.twin.on_desired(version, patch)
        if patch:
            device.handlers.on_change(patch, device.twin.desired)
            device.writables.on_patch(patch, device.twin.version, now)
            if not device.safe:
                device.config.on_desired(device.twin.desired)
