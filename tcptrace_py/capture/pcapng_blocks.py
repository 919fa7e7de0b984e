"""Numbers of pcapng (draft-ietf-opsawg-pcapng).

Plain Python: they are wanted by name in Python, and typed by the compiled reader.
"""

from __future__ import annotations

# Block types (draft-ietf-opsawg-pcapng section 11.1). The section header's
# reads the same in both byte orders.
SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
INTERFACE_STATISTICS = 5
ENHANCED_PACKET = 6

MAGIC = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

# Smallest total length of each block, and what a block of any type can have at most.
SECTION_HEADER_BYTES = 28
INTERFACE_DESCRIPTION_BYTES = 20
PACKET_BYTES = 32
SIMPLE_PACKET_BYTES = 16
INTERFACE_STATISTICS_BYTES = 24
LARGEST_BLOCK_BYTES = 16 * 1024 * 1024
# An obsolete packet block can name no more.
MOST_INTERFACES = 65_536

IF_TSRESOL = 9
IF_TSOFFSET = 14
ISB_IFDROP = 5
ISB_OSDROP = 7
EPB_DROPCOUNT = 4
