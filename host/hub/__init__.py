"""A local hub that Azure's own device and service SDKs accept as an IoT Hub.

``core`` is pure and holds all behaviour: identities, twins, methods, queries,
events. The skins around it carry bytes: an MQTT 3.1.1 endpoint over TLS for
devices, HTTPS and AMQP 1.0 endpoints for services, a store and a log of events on
disk, and a certificate authority of its own. It is meant for a desk, a test or a
workshop: one process,
no scale-out; fleets belong on Azure IoT Hub.
"""
