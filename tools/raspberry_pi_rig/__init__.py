"""A computer like a Raspberry Pi, of Debian's packages only, and what the product must show on it.

QEMU's raspi3b (a Broadcom BCM2837 with its GPIO block, its card and its watchdog) runs
Debian's own arm64 kernel and systemd from a card that is made here. The product is put on the
card with the product's own commands, and is judged from outside: by the hub that it
connects to, by the emulated GPIO registers, and by what systemd says of its service.
"""
