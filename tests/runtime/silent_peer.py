"""A peer that says nothing, on a real socket: ``silent_peer.py FOLDER PORT connect | handshake``.

Tells how long it was waited for, how often idle() was called meanwhile, and how often TLS was tried. Time goes on for
two slices at the most until idle() is called again: a computer that is busy elsewhere takes none of its calls.
"""

import sys

from twinkle import compat
from twinkle.core.errors import WireError
from twinkle.runtime import certificates, maintenance, stream

WAIT_MS = 1500
HOST = "127.0.0.1"
folder, port, what = sys.argv[1:]
idles, tries = [], []
own = compat.own
counter, transmit, start = own.ticks, own.transmit, own.ticks()


def paced():
    return min(own.ticks_diff(counter(), start), 2 * compat.SLICE_MS * (len(idles) + 1))


def counted(sock, data):
    tries.append(1)
    return transmit(sock, data)


def idle():
    idles.append(1)


own.ticks, own.transmit = paced, counted
ticks = compat.Ticks().now
begun = ticks()
if what == "connect":
    found = compat.answers(compat.look_up(HOST, int(port))[0], WAIT_MS, idle)
else:
    stream.HANDSHAKE_MS = WAIT_MS
    network = stream.Network(certificates.load(folder, False), ticks, idle, compat.look_up)
    try:
        maintenance.greet(network, HOST, int(port))
        found = True
    except WireError as error:
        found = str(error)
print(ticks() - begun, len(idles), len(tries), found)
