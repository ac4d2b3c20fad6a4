"""The ports that devices and services dial, beside HTTPS: sockets, TLS and time limits around MQTT and AMQP."""
