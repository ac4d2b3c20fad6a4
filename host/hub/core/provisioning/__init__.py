"""The provisioning service that shares the port for devices: enrolments, and how a device is assigned."""
