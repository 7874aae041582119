"""``busway flows``: what versions of the flows differ in, which there were, and going back to one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from .engine.comparison import compare, lines
from .engine.errors import BuswayError, FlowFileError
from .engine.history import KeptDeploy
from .engine.model import FlowModel
from .engine.settings import load_settings
from .engine.storage import FileStorage

PATIENCE = 60
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


def storage_of(user_dir: Path | None) -> FileStorage:
    """The storage of a user directory, with the settings there."""
    return FileStorage.of(load_settings(user_dir))


def show_difference(a: str, b: str | None, user_dir: Path | None, as_json: bool) -> bool:
    """Prints how two versions differ; each is a flow file or a kept revision, ``b`` by default the flow file in use.

    True when they do. Raises BuswayError.
    """
    storage = storage_of(user_dir)
    new = _version(b, storage) if b is not None else storage.load()[0]
    found = compare(_version(a, storage), new)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for line in lines(found):
            click.secho(line, fg=_COLOURS.get(line.strip()[:1]))
        click.echo(
            ", ".join(f"{number} {what}" for what, number in found["counts"].items() if number) or "no difference"
        )
    return bool(found["sections"])


def _version(name: str, storage: FileStorage) -> FlowModel:
    path = Path(name)
    if not path.is_file():
        return storage.restore(name)
    try:
        return FlowModel.parse(path.read_bytes())
    except FlowFileError as error:
        raise FlowFileError(f"{path}: {error}") from None


def show_history(user_dir: Path | None, as_json: bool) -> None:
    """Prints the kept deploys, newest first."""
    kept = storage_of(user_dir).history()
    if as_json:
        click.echo(json.dumps([asdict(one) for one in kept], indent=2))
    elif not kept:
        click.echo("no deploy has been kept yet")
    else:
        click.echo("\n".join(_line(one) for one in kept))


def _line(deploy: KeptDeploy) -> str:
    changes = ", ".join(f"{number} {what}" for what, number in deploy.changes.items()) or "no change"
    return f"{deploy.when[:19].replace('T', ' ')}  {deploy.revision[:12]}  {deploy.type or '-':<6}  {deploy.user or '-':<12}  {changes}"


def restore(rev: str, user_dir: Path | None, url: str | None, token: str | None) -> dict[str, str]:
    """Makes a kept deploy the flows again: through a running Busway at ``url``, or in the flow file of a stopped one.

    Returns ``{"rev", "how"}``. Raises BuswayError.
    """
    if url:
        return {"rev": _restore_running(rev, url, token), "how": f"deployed at {url}"}
    storage = storage_of(user_dir)
    revision = storage.save(storage.restore(rev), None, "command line", "restore")
    return {
        "rev": revision,
        "how": f"written to {storage.flow_path}; a Busway that runs takes it with a deploy of type reload",
    }


def _restore_running(rev: str, url: str, token: str | None) -> str:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    address = f"{url.rstrip('/')}/history/{quote(rev, safe='')}/restore"
    if not address.startswith(("http://", "https://")):
        raise BuswayError(f"{url!r} is no address of a Busway; it looks like http://127.0.0.1:1880")
    request = urllib.request.Request(address, b"{}", headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return str(json.load(answer)["rev"])
    except urllib.error.HTTPError as error:
        raise BuswayError(f"{url} refuses: {_reason(error)}") from None
    except (OSError, ValueError, KeyError) as error:
        raise BuswayError(f"{url} does not answer as a Busway does: {error}; is it running there?") from None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        said: Any = json.load(error)
        return str(said["message"])
    except (ValueError, KeyError, TypeError):
        hint = "; give a token with --token or BUSWAY_TOKEN" if error.code == 401 else ""
        return f"{error.code} {error.reason}{hint}"
