"""A stand-in for trtllm-serve: takes its command line, and passes each connection on to a vLLM that runs already.

vLLM has the same routes, /health and /v1/..., so what is tested is nginx in front of a real engine.
"""

from __future__ import annotations

import asyncio
import os
import sys


async def main() -> None:
    given = dict(zip(sys.argv, [*sys.argv[1:], ""], strict=True))
    server = await asyncio.start_server(forward, given["--host"], int(given["--port"]))
    await server.serve_forever()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    engine_reader, engine_writer = await asyncio.open_connection("127.0.0.1", int(os.environ["VLLM_PORT"]))
    await asyncio.gather(copy(reader, engine_writer), copy(engine_reader, writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what one side sends, until it has nothing more to send."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main())
