"""Serving the reading room: to this computer alone, or to a trial's readers behind a proxy."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from imaging.errors import InputError
from recist.review.reading.delineator import Delineator
from recist.review.trial.trial_settings import TrialSettings
from recist.review.web.app import create_app, create_trial_app

HOST = "127.0.0.1"


def serve_results(
    results: Path,
    *,
    studies: Path | None,
    port: int = 0,
    reader: str | None = None,
    organisation: str = "",
    with_network: bool = True,
    on_address: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the results of a run to the browsers of this computer until it is interrupted.

    Args:
        port: 0 takes a free one.
        on_address: called with the address to open, which carries the token.

    Raises:
        InputError: no results are there, or the port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"port {port} cannot be used: {error.strerror}", remedy="give another --port"
            ) from error
        port = listening.getsockname()[1]
        app = create_app(
            results,
            studies=studies,
            reader=reader,
            hosts=(f"{HOST}:{port}", f"localhost:{port}"),
            delineator=Delineator.shipped() if with_network else None,
            organisation=organisation,
        )
        on_address(f"http://{HOST}:{port}/?token={app.state.token}")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, date_header=False
        )
        uvicorn.Server(config).run(sockets=[listening])


def serve_trial(
    settings: TrialSettings,
    *,
    with_network: bool = True,
    on_address: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve a trial's central review until it is interrupted.

    Raises:
        InputError: no images are there, or the database cannot be opened.
    """
    app = create_trial_app(settings, delineator=Delineator.shipped() if with_network else None)
    on_address(f"http://{settings.host}:{settings.port}/")
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=settings.https,  # of the proxy on this computer that ends TLS
    )
    uvicorn.Server(config).run()
