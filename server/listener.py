"""Leaving a port that several servers share, without losing a connection.

Of the servers that listen on one port (`SO_REUSEPORT`) the kernel chooses one at a connection's first packet
(SYN), and resets the connection if that one closes its listener before it has taken it. So the listener first
lets no more first packets in. A client whose packet was dropped sends it again a second later, as after any
loss, and by then another server is chosen.
"""

import contextlib
import ctypes
import socket
import struct

#: From <asm/socket.h>; Python does not name it.
SO_ATTACH_FILTER = 26
#: Classic BPF, from <linux/filter.h>: (operation, jump if true, jump if false, operand). It sees the TCP
#: header, whose byte 13 has the flags; SYN is 0x02.
DROP_SYN = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x45, 0, 1, 0x02),  # has it the bit? else skip one
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)


def bring_no_more(listener: socket.socket) -> None:
    """Have no further connections brought to a listener; those whose handshake has begun still come.

    Where the kernel refuses this, nothing happens.
    """
    code = b"".join(struct.pack("HBBI", *step) for step in DROP_SYN)
    kept = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(DROP_SYN), ctypes.addressof(kept))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
