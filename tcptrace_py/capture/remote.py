"""Captures behind URLs: any that fsspec opens (``s3://``, ``gs://``, ``https://``, ``file://``, ...)."""

from __future__ import annotations

import io
from typing import Any

from tcptrace_py.capture.error import CaptureError


def is_url(path: str) -> bool:
    """``s3://bucket/name`` is one; a path is not."""
    scheme, mark, rest = path.partition("://")
    return bool(mark and rest) and scheme.replace("+", "").replace("-", "").isalnum()


class RemoteFile(io.RawIOBase):
    """Bytes behind a URL, read in order. Raises ``CaptureError`` where it can not be opened."""

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            import fsspec
        except ImportError as error:
            raise CaptureError(f"{url}: URLs need fsspec: pip install 'tcptrace-py[cluster]'") from error
        try:
            self._file: Any = fsspec.open(url, "rb").open()
        except FileNotFoundError as error:
            raise CaptureError(f"{url}: no such file") from error
        except PermissionError as error:
            raise CaptureError(f"{url}: permission denied") from error
        except Exception as error:
            # Each store has its own ways to fail; all of them say in their text what is missing.
            raise CaptureError(f"{url}: {' '.join(str(error).split()) or type(error).__name__}") from error
        #: Bytes of the whole file, None where the store does not say.
        self.size_bytes: int | None = getattr(self._file, "size", None)

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        try:
            data = self._file.read(len(target))
        except OSError:
            raise
        except Exception as error:
            raise OSError(" ".join(str(error).split()) or type(error).__name__) from error
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
