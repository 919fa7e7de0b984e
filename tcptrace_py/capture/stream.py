"""The bytes of a capture: from a file or a pipe, plain or compressed.

Plain input is read straight into the reader's buffer. Compressed input is
recognised by its first bytes and decompressed a piece at a time; whatever could
be decompressed before a corrupt or missing tail is handed on first.
"""

from __future__ import annotations

import importlib
import io
import os
import select
import stat
import sys
from collections.abc import Callable
from typing import NamedTuple, NoReturn, Protocol

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.stop import Stop, Stopped

# Enough to tell every compression and capture format.
HEAD_BYTES = 8
# Compressed bytes given to a decompressor at once. A decompressor that stumbles over a corrupt byte keeps
# what it made from the rest of the piece: what can be read again from its beginning is then given byte by
# byte from that piece on, so what is saved depends on the data alone. What can not comes by small pieces
# from the first.
PIECE_BYTES = 256 * 1024
SMALL_PIECE_BYTES = 8 * 1024
# `xz -9` needs 65 MiB. A hostile header may ask for 4 GiB.
XZ_MEMORY_BYTES = 512 * 1024 * 1024


class Decompressor(Protocol):
    """What the decompressors of bz2, lzma, compression.zstd and lz4.frame have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflater:
    """zlib's decompressor with the methods of the others, for one gzip member (RFC 1952)."""

    def __init__(self) -> None:
        import zlib

        self._zlib = zlib
        self._member = zlib.decompressobj(wbits=31)
        self._pending = b""
        # Its words, not the error: an error knows the frames that it passed, and those know the reader, which
        # the cycle collector does not.
        self._late_error: str | None = None

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._pending and not self._member.eof and self._late_error is None

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._late_error is not None:
            raise self._zlib.error(self._late_error)
        pending = self._pending + data
        # (One byte more can not be given by smaller pieces.)
        before = self._member.copy() if len(pending) > 1 else None
        try:
            made = self._member.decompress(pending, max_length)
        except self._zlib.error:
            if before is None:
                raise
            # zlib's module drops what it made before the error; a wrong checksum
            # at the end must not cost the data before it.
            self._member = before
            return self._bytewise(pending, max_length)
        self._pending = self._member.unconsumed_tail
        return made

    def _bytewise(self, data: bytes, max_length: int) -> bytes:
        made = bytearray()
        self._pending = b""
        for at in range(len(data)):
            if len(made) == max_length:
                self._pending = self._member.unconsumed_tail + data[at:]
                break
            try:
                made += self._member.decompress(data[at : at + 1], max_length - len(made))
            except self._zlib.error as error:
                self._late_error = str(error)
                break
        return bytes(made)


def _open_gzip() -> Decompressor:
    return _Inflater()


def _open_bzip2() -> Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


def _open_xz() -> Decompressor:
    import lzma

    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)


def _open_zstd() -> Decompressor:
    # Part of Python from 3.14 on.
    module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    decompressor: Decompressor = importlib.import_module(module).ZstdDecompressor()
    return decompressor


def _open_lz4() -> Decompressor:
    import lz4.frame

    decompressor: Decompressor = lz4.frame.LZ4FrameDecompressor()
    return decompressor


# Magic, name, how to begin a member, and the package to install where it is not part of Python.
_COMPRESSIONS: tuple[tuple[bytes, str, Callable[[], Decompressor], str], ...] = (
    (b"\x1f\x8b", "gzip", _open_gzip, ""),
    (b"\xfd7zXZ\x00", "xz", _open_xz, ""),
    (b"BZh", "bzip2", _open_bzip2, ""),
    (b"\x28\xb5\x2f\xfd", "zstd", _open_zstd, "backports.zstd"),
    (b"\x04\x22\x4d\x18", "lz4", _open_lz4, "lz4"),
)
# Zstandard and lz4 share their skippable frames (RFC 8878 section 3.1.2): 0x184D2A50 to 0x184D2A5F.
_SKIPPABLE_MAGIC_END = b"\x2a\x4d\x18"


class ZstdFunctions(NamedTuple):
    """Addresses of ZSTD_createDCtx, ZSTD_freeDCtx, ZSTD_decompressStream and ZSTD_isError (zstd.h)."""

    create: int
    free: int
    decompress: int
    is_error: int


def zstd_functions() -> ZstdFunctions | None:
    """Those of the library that Python's package has in it or asks; None where it does not show them."""
    import ctypes

    module = sys.modules.get("_zstd" if sys.version_info >= (3, 14) else "backports.zstd._zstd")
    try:
        library = ctypes.CDLL(getattr(module, "__file__", None) or "")
        addresses = [
            ctypes.cast(getattr(library, f"ZSTD_{name}"), ctypes.c_void_p).value or 0
            for name in ("createDCtx", "freeDCtx", "decompressStream", "isError")
        ]
    except (AttributeError, OSError):
        return None
    return ZstdFunctions(*addresses) if all(addresses) else None


class PlainStream:
    """Uncompressed bytes of a file, a pipe or standard input.

    Bytes that come through a pipe end where ``stop`` is asked for.
    """

    def __init__(self, path: str, name: str, raw: io.RawIOBase, stop: Stop | None = None) -> None:
        self.path = path
        self.name = name
        self.compression: str | None = None
        self.consumed_bytes = 0
        self.size_bytes: int | None = None
        #: Of a plain file on this machine, to be read without the interpreter's lock; else -1.
        self.descriptor = -1
        self._raw = raw
        self._stop: Stop | None = None
        if not isinstance(raw, io.FileIO):
            # Behind a URL.
            self.size_bytes = getattr(raw, "size_bytes", None)
            return
        status = os.fstat(raw.fileno())
        if stat.S_ISREG(status.st_mode):
            self.size_bytes = status.st_size
            self.descriptor = raw.fileno()
        else:
            self._stop = stop

    def readinto(self, target: memoryview) -> int:
        try:
            if self._stop is not None and not self._stop.wait(self._raw):
                return 0
            got = self._raw.readinto(target)
            while got is None:
                # Standard input that another program left non-blocking.
                select.select([self._raw], [], [])
                got = self._raw.readinto(target)
        except OSError as error:
            raise CaptureError(f"{self.name}: {_reason(error)}") from error
        self.consumed_bytes += got
        return got

    def read_head(self) -> bytes:
        """The first ``HEAD_BYTES``, or all if there are fewer."""
        head = bytearray(HEAD_BYTES)
        filled = 0
        while filled < HEAD_BYTES:
            got = self.readinto(memoryview(head)[filled:])
            if got == 0:
                break
            filled += got
        return bytes(head[:filled])

    def rewind(self) -> None:
        """Begin again at the first byte. Only where there is a ``descriptor``."""
        self._raw.seek(0)
        self.consumed_bytes = 0

    def close(self) -> None:
        self._raw.close()


class CompressedStream:
    """Decompresses a ``PlainStream``, member after member; ``head`` of it are taken already.

    Raises ``CaptureError`` if the package that the compression needs is not installed.
    """

    def __init__(self, source: PlainStream, head: bytes) -> None:
        self.path = source.path
        self.name = source.name
        self.compression: str | None = None
        self._source = source
        self._piece = bytearray(SMALL_PIECE_BYTES if source.descriptor < 0 else PIECE_BYTES)
        # Where the piece that was taken last begins.
        self._piece_from = 0
        # From here on a byte at a time, if anywhere.
        self._bytewise_from: int | None = None
        # Bytes given so far, and of these what is still to be passed over once all is read again.
        self._given_bytes = 0
        self._known_bytes = 0
        # Compressed bytes that no decompressor has seen yet.
        self._waiting = head
        self._decompressor: Decompressor | None = None
        self._ended = False
        self._begin_member(head)

    @property
    def consumed_bytes(self) -> int:
        return self._source.consumed_bytes

    @property
    def size_bytes(self) -> int | None:
        return self._source.size_bytes

    @property
    def given_bytes(self) -> int:
        """Bytes that it has given, decompressed."""
        return self._given_bytes

    def functions(self) -> ZstdFunctions | None:
        """What it can be read by without the interpreter's lock, from its beginning, if anything."""
        return zstd_functions() if self.compression == "zstd" and self._source.descriptor >= 0 else None

    def begin_anew(self) -> int:
        """Whoever reads it from now on does so from the file's first byte, by this descriptor."""
        self._source.rewind()
        return self._source.descriptor

    def go_on_after(self, given_bytes: int) -> None:
        """So many bytes were given by another; what is behind them comes from here again."""
        self._given_bytes = given_bytes
        self._read_again()

    def readinto(self, target: memoryview) -> int:
        while not self._ended:
            if self._decompressor is None and not self._next_member():
                break
            assert self._decompressor is not None
            data = b""
            if self._decompressor.needs_input:
                data = self._take()
                if not data:
                    self._fail(f"cut short: the {self.compression} data has no end")
            try:
                made = self._decompressor.decompress(data, len(target))
            # Each library has errors of its own: zlib.error, LZMAError, ZstdError, OSError, RuntimeError.
            except Exception as error:
                if self._bytewise_from is None and self._source.descriptor >= 0:
                    self._bytewise_from = self._piece_from
                    self._read_again()
                    continue
                self._fail(f"corrupt {self.compression} data ({error})")
            if self._decompressor.eof:
                self._waiting = (self._decompressor.unused_data or b"") + self._waiting
                self._decompressor = None
            if self._known_bytes:
                known = min(self._known_bytes, len(made))
                self._known_bytes -= known
                made = made[known:]
            if made:
                target[: len(made)] = made
                self._given_bytes += len(made)
                return len(made)
        self._ended = True
        return 0

    def close(self) -> None:
        self._ended = True
        self._source.close()

    def _fail(self, what: str) -> NoReturn:
        self._ended = True
        raise CaptureError(f"{self.name}: {what}")

    def _read_again(self) -> None:
        """From the first byte; what was given is not given again."""
        self._known_bytes = self._given_bytes
        self._source.rewind()
        self._waiting = self._source.read_head()
        self._begin_member(self._waiting)

    def _take(self) -> bytes:
        """The next compressed bytes, empty at the end of the input."""
        data = self._waiting
        if data:
            self._waiting = b""
            return data
        self._piece_from = self._source.consumed_bytes
        most = len(self._piece)
        if self._bytewise_from is not None:
            most = min(most, max(1, self._bytewise_from - self._piece_from))
        got = self._source.readinto(memoryview(self._piece)[:most])
        return bytes(self._piece[:got])

    def _next_member(self) -> bool:
        """Begin the member that follows, over padding of zeros; False at the end of the input."""
        head = b""
        while len(head) < HEAD_BYTES:
            more = self._take()
            if not more:
                break
            head = (head + more).lstrip(b"\0")
        if not head:
            return False
        self._waiting = head
        self._begin_member(head)
        if self._decompressor is None:
            self._fail(f"something else follows the {self.compression} data; it was left out")
        return True

    def _begin_member(self, head: bytes) -> None:
        found = _compression_of(head)
        if found is None:
            return
        _, name, begin, package = found
        self.compression = name
        try:
            self._decompressor = begin()
        except ImportError:
            self._fail(f"{name} data needs the Python package {package} (pip install {package})")


def _compression_of(head: bytes) -> tuple[bytes, str, Callable[[], Decompressor], str] | None:
    for row in _COMPRESSIONS:
        if head.startswith(row[0]):
            return row
    if head[1:4] == _SKIPPABLE_MAGIC_END and head[0] & 0xF0 == 0x50:
        # A decompressor of zstd steps over it; the frame after it says what the data really is.
        return next(row for row in _COMPRESSIONS if row[1] == "zstd")
    return None


def open_stream(
    path: str | os.PathLike[str], stop: Stop | None = None
) -> tuple[PlainStream | CompressedStream, bytes]:
    """Open a path, or standard input for ``-``; gives the stream and the first bytes taken from it.

    The second is at least ``HEAD_BYTES`` long unless the uncompressed input is
    shorter. Raises ``CaptureError`` if it cannot be opened or is empty.
    """
    text = os.fspath(path)
    name = "standard input" if text == "-" else text
    raw = _open_raw(text, name, stop or Stop())
    try:
        source = PlainStream(text, name, raw, stop)
        head = source.read_head()
        if not head:
            raise CaptureError(f"{name}: empty file")
        if _compression_of(head) is None:
            return source, head
        stream = CompressedStream(source, head)
        plain = bytearray(HEAD_BYTES)
        filled = 0
        while filled < HEAD_BYTES:
            got = stream.readinto(memoryview(plain)[filled:])
            if got == 0:
                break
            filled += got
        if filled == 0:
            raise CaptureError(f"{name}: empty file inside the {stream.compression} compression")
        return stream, bytes(plain[:filled])
    except CaptureError:
        raw.close()
        raise


def read_once(path: str | os.PathLike[str]) -> bool:
    """Whether what was read is gone: of standard input, a pipe, a device."""
    if os.fspath(path) == "-":
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _open_raw(path: str, name: str, stop: Stop) -> io.RawIOBase:
    if "://" in path:
        from tcptrace_py.capture.remote import RemoteFile, is_url

        if is_url(path) and not os.path.exists(path):
            return RemoteFile(path)
    try:
        if path == "-":
            raw = io.FileIO(0, "rb", closefd=False)
            if raw.isatty():
                raise CaptureError("standard input: is a terminal; a capture file or a pipe is needed")
            return raw
        return stop.open(path)
    except Stopped:
        raise CaptureError(f"{name}: stopped before anything came") from None
    except OSError as error:
        raise CaptureError(f"{name}: {_reason(error)}") from error
    except ValueError as error:
        # A null character in the path.
        raise CaptureError(f"{name!r}: {error}") from error


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    if isinstance(error, PermissionError):
        return "permission denied"
    return (error.strerror or str(error)).lower()
