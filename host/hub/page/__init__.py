"""The local hub's page: its devices in a browser, on this computer alone.

A server of its own, in plain HTTP on loopback, beside the endpoints that speak as IoT Hub does. It asks the hub's
core as those do, so the browser holds no key of a service. While nobody looks, it listens to nothing. NOT part of
IoT Hub: Azure has its portal.
"""
