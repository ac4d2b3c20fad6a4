"""The WebSocket doors of the REST port, dialled by websocket-client and by hand."""

import contextlib
import http.client
import socket
import ssl

import websocket

from twinkle_host.waiting import PATIENCE_S

SERVICES, DEVICES = "/$servicebus/websocket", "/$iothub/websocket"
AMQP, MQTT = "AMQPWSB10", "mqtt"
UNSUPPORTED, TOO_BIG, BROKEN = 1003, 1009, 1002  # RFC 6455, 7.4.1
HANDSHAKE = {
    **{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
    **{"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": AMQP},
}


def dial(hub, path, protocol, shown=None):
    """A WebSocket, by websocket-client. ``shown``: the folder of a client's certificate."""
    certificate = shown and {"certfile": shown / "device.pem", "keyfile": shown / "device.key"}
    return websocket.create_connection(
        f"wss://localhost:{hub.info['restPort']}{path}",
        subprotocols=[protocol],
        sslopt={"ca_certs": hub.info["caFile"], **(certificate or {})},
        # Soon full; with less than one packet of loopback TCP would crawl.
        sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)],
        timeout=PATIENCE_S,
    )


@contextlib.contextmanager
def dialled(hub, path=SERVICES, protocol=AMQP, shown=None):
    """A WebSocket while it is needed."""
    line = dial(hub, path, protocol, shown)
    try:
        yield line
    finally:
        line.shutdown()


def status(hub, method="GET", path=SERVICES, **changed):
    """What a request is answered with, and the headers; the handshake with some headers changed, None for without."""
    context = ssl.create_default_context(cafile=hub.info["caFile"])
    rest = http.client.HTTPSConnection("localhost", hub.info["restPort"], context=context, timeout=PATIENCE_S)
    headers = {**HANDSHAKE, **{name.replace("_", "-"): value for name, value in changed.items()}}
    with contextlib.closing(rest):
        rest.request(
            method, path, headers={name: value for name, value in headers.items() if value is not None}
        )
        answer = rest.getresponse()
        return answer.status, dict(answer.getheaders())


def heard(line):
    """All that comes until the hub closes, and the code that it closes with."""
    data = b""
    while True:
        try:
            opcode, more = line.recv_data()
        except (websocket.WebSocketConnectionClosedException, OSError):
            return data, None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return data, int.from_bytes(more[:2], "big")
        data += more


class Upgraded:
    """A WebSocket of a device, as a socket; what is sent is cut into messages of ``cut`` bytes."""

    def __init__(self, hub, path=DEVICES, cut=1000):
        self.line = dial(hub, path, MQTT)
        self._cut = cut
        self._came = b""

    def sendall(self, data):
        try:
            for start in range(0, len(data), self._cut):
                self.line.send_binary(data[start : start + self._cut])
        except websocket.WebSocketException as error:
            raise ConnectionError(error) from None

    def recv(self, size):
        while not self._came:
            try:
                opcode, self._came = self.line.recv_data()
            except websocket.WebSocketConnectionClosedException:
                return b""
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                self._came = b""
                return b""
        data, self._came = self._came[:size], self._came[size:]
        return data

    def close(self):
        self.line.shutdown()
