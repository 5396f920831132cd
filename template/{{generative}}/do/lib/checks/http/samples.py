"""What the checks and do/invoke send beside text: pictures and recordings."""

from __future__ import annotations

import base64
import io
import mimetypes
import struct
import wave
import zlib
from typing import Any

SIDE = 64  # pixels; models refuse a picture that is much smaller
RATE = 16_000  # samples a second, as speech models take it
BOUNDARY = "mcc-template-7d8f2c"


def picture() -> bytes:
    """A gray square as PNG."""
    rows = (b"\0" + b"\x80\x80\x80" * SIDE) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def recording() -> bytes:
    """A second of silence as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, RATE, RATE, "NONE", ""))
        sound.writeframes(b"\0\0" * RATE)
    return file.getvalue()


def as_part(image: bytes, name: str = "picture.png") -> dict[str, Any]:
    """A picture as a part of a message."""
    kind = mimetypes.guess_type(name)[0] or "image/png"
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{base64.b64encode(image).decode()}"}}


def form(model: str, sound: bytes, name: str = "recording.wav") -> tuple[bytes, str]:
    """A request to transcribe a recording, and its content type."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'.encode(),
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode(),
        b"Content-Type: application/octet-stream\r\n\r\n" + sound + b"\r\n",
        f"--{BOUNDARY}--\r\n".encode(),
    ]
    return b"".join(parts), f"multipart/form-data; boundary={BOUNDARY}"
