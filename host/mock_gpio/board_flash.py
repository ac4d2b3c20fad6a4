"""A file as a Pico W's flash memory, for MicroPython: a block device below littlefs (vfs.AbstractBlockDev).

Ctrl-C is as unkind to it as to the real one, ``ports/rp2/rp2_flash.c``. That is C: nothing is interrupted in the
middle, an erase (``ioctl``) not at all; but ``readblocks`` and ``writeblocks`` end with ``mp_event_handle_nowait()``,
which raises the KeyboardInterrupt that has come meanwhile, through littlefs, when all is read or programmed.
MicroPython's Unix port raises it out of the signal's handler, wherever it comes (``unix_mphal.c``,
MICROPY_ASYNC_KBD_INTR). So the signal is held back here until an operation is done.
"""

import ffi

BLOCK = 4096
BLOCKS = 212  # 848 KiB, what a Pico W's firmware leaves of its flash

HOLD, LET_GO = 0, 1  # SIG_BLOCK and SIG_UNBLOCK
SIGNALS = bytearray(128)  # a sigset_t of glibc
SIGNALS[0] = 1 << (2 - 1)  # SIGINT
_sigprocmask = ffi.open("libc.so.6").func("i", "sigprocmask", "iPP")


class Flash:
    """Erased blocks hold 0xff, programming needs an erased block. ``file``: an open one of BLOCKS blocks."""

    def __init__(self, file):
        self._file = file

    def readblocks(self, block, buffer, offset=0):
        """Read."""
        _sigprocmask(HOLD, SIGNALS, None)
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buffer)
        _sigprocmask(LET_GO, SIGNALS, None)

    def writeblocks(self, block, buffer, offset=0):
        """Program."""
        _sigprocmask(HOLD, SIGNALS, None)
        self._file.seek(block * BLOCK + offset)
        self._file.write(buffer)
        _sigprocmask(LET_GO, SIGNALS, None)

    def ioctl(self, operation, argument):
        """Sizes, and erasing."""
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            # Held back until what is programmed there next.
            _sigprocmask(HOLD, SIGNALS, None)
            self._file.seek(argument * BLOCK)
            self._file.write(b"\xff" * BLOCK)
        elif operation == 3:
            self._file.flush()
        return 0
