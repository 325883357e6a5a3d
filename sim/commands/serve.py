"""`inion serve`: the training app in the browser."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import webbrowser

from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput
from sim.commands.held_records import opened


def run(args: argparse.Namespace) -> int:
    """Serve until it is stopped. Prints the address once the server answers."""
    from sim.app.server import Hub, check_host
    from sim.app.shelf import Shelf

    if not 0 <= args.port <= 65535:
        raise BadInput(f"--port is {args.port}; it must be from 0 (any free one) to 65535.")
    try:
        token = check_host(args.host, args.token, args.beyond_loopback)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if args.anatomy is not None:
        named_anatomy(args.anatomy)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait leave the cores to the browser
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="inion serve: %(message)s")
    records = opened(args.records)
    if not os.access(records.path, os.W_OK):
        raise BadInput(f"{records.path} cannot be written; attempts could not be kept. Choose another file with --records.")
    hub = Hub(Shelf(records, args.seed or 0, args.rendering, args.anatomy), token)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(hub, args))
    records.close()
    return 0


async def _serve(hub: object, args: argparse.Namespace) -> None:
    from aiohttp import web

    from sim.app.server import Hub

    assert isinstance(hub, Hub)
    runner = web.AppRunner(hub.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, args.host, args.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise BadInput(f"{args.host}:{args.port} cannot be listened on ({error.strerror}); choose another --port.") from error
    port = runner.addresses[0][1]
    host = f"[{args.host}]" if ":" in args.host else args.host
    address = f"http://{host}:{port}/" + (f"?token={hub.token}" if hub.token else "")
    print(address, flush=True)
    args.tell(f"instructor's page: http://{host}:{port}/instructor?key={hub.instructor_key}")
    if args.open:
        webbrowser.open(address)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
