"""``closedloop db``: the store's database itself."""

from typing import Annotated

import typer

from closedloop.cli.output import STDERR, print_json
from closedloop.cli.settings import StoreOption, store_url

app = typer.Typer(help="The database behind the store.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Called before every command; has nothing to do. With it, `upgrade` stays a command of its own name."""


@app.command()
def upgrade(
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")] = False,
) -> None:
    """Bring an old store to the schema of this version, after a copy of it; every other command does so as well."""
    from closedloop.store import Store

    with Store.open(store_url(store), create=False) as opened:
        done, url = opened.upgraded, opened.url
    if done.changed:
        kept = f"; a copy of the old one is {done.backup}" if done.backup else ""
        STDERR.print(f"{url}: upgraded from {done.before or 'nothing'} to {done.after}{kept}", soft_wrap=True)
    else:
        STDERR.print(f"{url}: is at {done.after}, the schema of this version; nothing to do", soft_wrap=True)
    if json:
        print_json(
            {
                "store": url,
                "before": done.before,
                "after": done.after,
                "backup": str(done.backup) if done.backup else None,
            }
        )
