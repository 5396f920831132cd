"""Messages of event streams, in which InvokeEndpointWithResponseStream answers.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import json
import struct
import zlib

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7  # the type of a header's value


def payload_part(piece: bytes) -> bytes:
    """A piece of the container's response."""
    return _message("event", "PayloadPart", "application/octet-stream", piece)


def model_stream_error(code: str, text: str) -> bytes:
    """The end of a stream that failed: `code` is ModelInvocationTimeExceeded or StreamBroken."""
    document = json.dumps({"Message": text, "ErrorCode": code}).encode()
    return _message("exception", "ModelStreamError", "application/json", document)


def _message(kind: str, name: str, content_type: str, payload: bytes) -> bytes:
    given = {":message-type": kind, f":{kind}-type": name, ":content-type": content_type}
    headers = b"".join(_header(key, value) for key, value in given.items())
    # the two lengths, both checksums, 4 bytes each
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", STRING, len(value)) + value.encode()
