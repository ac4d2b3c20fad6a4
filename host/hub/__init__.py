"""A local hub that Azure's own device and service SDKs accept as an IoT Hub.

``core`` is pure and holds all behaviour: identities, twins, methods, queries,
events. The skins around it carry bytes: an MQTT 3.1.1 endpoint over TLS for
devices, an HTTPS endpoint for services, a store on disk and a certificate
authority of its own. It is meant for a desk, a test or a workshop: one process,
no partitions, no routes, no scale-out; fleets belong on Azure IoT Hub.
"""
