"""The list of the console's verbs. Loaded for who asks for it."""

# One text: on a board each line of its own would take three objects more.
HELP = """help: this list
status: how the device stands
read: one sample of the sensor
led on | off | blink SECONDS | brightness 0..1: what the LED shows
config: the configuration in force, and where the next one is
wifi scan | set NETWORK PASSWORD or --open: the networks in reach; join one and remember it
methods: the methods that can be called
call NAME [JSON]: call one, as the cloud would
log [debug | info | warning | error]: the log's last lines, or how much it tells
selftest: try sensor, LED, flash, network, DNS, TLS and hub
hold: restart once into the interpreter's prompt
reboot: restart the device
factory-reset: forget the configuration and the Wi-Fi set here; asks first
version: what runs here"""
