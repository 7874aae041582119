"""The command line. Every command imports what it needs itself, so that each starts quickly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from . import __version__
from .engine.errors import BuswayError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Sentences(click.Group):
    """Shows Busway's own errors as a sentence, not as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BuswayError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Sentences, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="busway")
def main() -> None:
    """Busway: visual flow-based programming in Python, at home in electric-vehicle charging."""


FLOWS = click.argument("flows", required=False, type=click.Path(path_type=Path))
USER_DIR = click.option(
    "--user-dir", type=click.Path(path_type=Path), help="Folder for flows, credentials, context and custom nodes."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@main.command()
@FLOWS
@USER_DIR
@click.option("--redis", "redis_url", help="URL of a Redis to use instead of the embedded server.")
@click.option("--host", help="Address of the HTTP face (default 127.0.0.1).")
@click.option("--port", type=int, help="Port of the HTTP face (default 1880; 0 takes a free one).")
@click.option("--no-http", is_flag=True, help="Run without the HTTP face.")
@click.option("--gateway-host", help="Address of the stations' gateway (default 127.0.0.1).")
@click.option("--gateway-port", type=int, help="Port of the stations' gateway (default 9220).")
@click.option("--no-gateway", is_flag=True, help="Run without the stations' gateway and its embedded Redis.")
@click.option(
    "--simulate", type=click.IntRange(0), default=0, metavar="N", help="Connect N simulated charging stations."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the simulated stations.")
@click.option(
    "--insecure",
    is_flag=True,
    default=None,
    help="Serve an address that others can reach although there are no users (see security.md).",
)
@click.option("--log-level", type=click.Choice(["error", "warn", "info", "debug", "trace"]), help="How much to log.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Log lines as text or as JSON objects.")
@click.option("--safe", "safe_mode", is_flag=True, default=None, help="Load the flows and do not start them.")
def run(flows: Path | None, no_http: bool, no_gateway: bool, simulate: int, seed: int, **given: Any) -> None:
    """Run FLOWS (a Node-RED flow file; default: flows.json in the user directory) until Ctrl-C."""
    from .run import Options, run_forever

    options = Options(flows=flows, http=not no_http, gateway=not no_gateway, simulate=simulate, seed=seed, given=given)
    sys.exit(run_forever(options))


@main.command()
@click.argument("flows", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@USER_DIR
@AS_JSON
def check(flows: tuple[Path, ...], user_dir: Path | None, as_json: bool) -> None:
    """Look for mistakes in flow files: dangling wires, unknown types, wrong properties, OCPP actions that nobody answers."""
    from .check import check_files

    problems = check_files(flows, user_dir)
    if as_json:
        click.echo(json.dumps([problem.as_dict() for problem in problems], indent=2))
    else:
        for problem in problems:
            click.secho(str(problem), fg="red" if problem.level == "error" else "yellow")
    click.echo(f"{len(problems)} finding(s)", err=as_json)
    sys.exit(1 if any(problem.level == "error" for problem in problems) else 0)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@USER_DIR
@AS_JSON
def test(paths: tuple[Path, ...], user_dir: Path | None, as_json: bool) -> None:
    """Run the case files beside the flow files in PATHS (default: the current folder)."""
    from .flow_tests import run_paths

    results = run_paths(paths or (Path(),), user_dir)
    if as_json:
        click.echo(json.dumps([result.as_dict() for result in results], indent=2))
    else:
        for result in results:
            click.secho(str(result), fg="green" if result.passed else "red")
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed", err=as_json)
    sys.exit(1 if failed or not results else 0)


@main.command()
@click.option("--redis", "redis_url", required=True, help="URL of the Redis shared with the flows.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind to.")
@click.option("--port", type=int, default=9220, show_default=True, help="Port to bind to.")
@click.option(
    "--profile",
    type=click.IntRange(0, 3),
    default=0,
    show_default=True,
    help="OCPP security profile; 0 asks for no password.",
)
@click.option("--cert", type=click.Path(exists=True, path_type=Path), help="TLS certificate (profiles 2 and 3).")
@click.option("--key", type=click.Path(exists=True, path_type=Path), help="TLS key (profiles 2 and 3).")
@click.option(
    "--ca", type=click.Path(exists=True, path_type=Path), help="CA of the stations' certificates (profile 3)."
)
def gateway(**options: Any) -> None:
    """Run only the stations' gateway; flows on other machines share its Redis."""
    from .run import run_gateway

    sys.exit(run_gateway(options))


@main.command()
@click.option(
    "--url",
    default="ws://127.0.0.1:9220/ocpp",
    show_default=True,
    help="Gateway to connect to, without tenant and station.",
)
@click.option("--tenant", default="demo", show_default=True, help="Tenant of the stations.")
@click.option("--count", "-n", type=click.IntRange(1), default=5, show_default=True, help="How many stations.")
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same behaviour.")
@click.option("--speed", type=float, default=10, show_default=True, help="How much faster than real time.")
@click.option("--duration", type=float, help="Seconds to run; default: until Ctrl-C.")
def simulate(**options: Any) -> None:
    """Run simulated charging stations (1.6 and 2.0.1 mixed) against a gateway."""
    from .run import run_simulator

    sys.exit(run_simulator(options))


@main.command()
@click.option("--token", is_flag=True, help="Make a token for a program instead: prints the token and its hash.")
def password(token: bool) -> None:
    """Hash a password for [auth] in busway.toml.

    Asks for it twice; from a pipe it takes the first line.
    """
    from .password import ask, hashed, new_token

    for line in new_token() if token else [hashed(ask())]:
        click.echo(line)


@main.group()
def nodes() -> None:
    """List, show and scaffold node types."""


@nodes.command("list")
@USER_DIR
@AS_JSON
def list_nodes(user_dir: Path | None, as_json: bool) -> None:
    """Every node type that flows can use here."""
    from .palette import describe_all

    rows, errors = describe_all(user_dir)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['category']:<10} {row['type']:<16} {row['summary']}")
    for name, why in errors.items():
        click.secho(f"broken: {name}: {why}", fg="red", err=True)


@nodes.command("show")
@click.argument("type")
@USER_DIR
@AS_JSON
def show_node(type: str, user_dir: Path | None, as_json: bool) -> None:
    """Properties and help of one node type."""
    from .palette import describe, render

    found = describe(type, user_dir)
    click.echo(json.dumps(found, indent=2) if as_json else render(found))


@nodes.command("new")
@click.argument("name")
@USER_DIR
def new_node(name: str, user_dir: Path | None) -> None:
    """Scaffold a node NAME with its test in the user directory."""
    from .scaffold import scaffold

    for path in scaffold(name, user_dir):
        click.echo(f"wrote {path}")


@main.command()
@USER_DIR
@AS_JSON
@click.option("--docs", is_flag=True, help="Print the page of the documentation about all settings.")
def settings(user_dir: Path | None, as_json: bool, docs: bool) -> None:
    """Print the effective settings and where each comes from; secrets are masked."""
    from . import settings_report
    from .engine.settings import effective_settings

    if docs:
        click.echo(settings_report.docs(), nl=False)
        return
    effective = effective_settings(user_dir)
    rows = settings_report.report(effective)
    click.echo(json.dumps(rows, indent=2) if as_json else settings_report.render(rows))
    for sentence in effective.strangers:
        click.secho(sentence, fg="yellow", err=True)


@main.group()
def flows() -> None:
    """Compare versions of the flows, list the kept deploys, go back to one."""


@flows.command("diff")
@click.argument("a")
@click.argument("b", required=False)
@USER_DIR
@AS_JSON
def flows_diff(a: str, b: str | None, user_dir: Path | None, as_json: bool) -> None:
    """How version A differs from B: flow files, or revisions of the history. Without B: from the flows in use.

    The exit status is 1 when they differ.
    """
    from .flows_commands import show_difference

    sys.exit(1 if show_difference(a, b, user_dir, as_json) else 0)


@flows.command("history")
@USER_DIR
@AS_JSON
def flows_history(user_dir: Path | None, as_json: bool) -> None:
    """The kept deploys, newest first: when, revision, type, by whom, what changed."""
    from .flows_commands import show_history

    show_history(user_dir, as_json)


@flows.command("restore")
@click.argument("rev")
@USER_DIR
@click.option("--url", help="Deploy it in the Busway that runs there, such as http://127.0.0.1:1880.")
@click.option("--token", envvar="BUSWAY_TOKEN", help="Token for that Busway, where it has users.")
@AS_JSON
def flows_restore(rev: str, user_dir: Path | None, url: str | None, token: str | None, as_json: bool) -> None:
    """Make the kept deploy REV (a revision or its beginning) the flows again."""
    from .flows_commands import restore

    done = restore(rev, user_dir, url, token)
    click.echo(json.dumps(done) if as_json else f"restored {done['rev'][:12]}: {done['how']}")
