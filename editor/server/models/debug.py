"""``/debug``: the buttons of debug nodes, and a page that shows what they tell."""

from __future__ import annotations

from pydantic import Field

from . import HTML, PHRASE, Contract, Media, Model, Problem


class Nodes(Model):
    """Which debug nodes."""

    nodes: list[str] = Field(description="Their ids; those that do not run are left out.")


_VIEW = (HTML, Media("text/javascript", "The page's script."), Media("text/css", "The page's style."))

switch_some = Contract(body=Nodes, answers={200: PHRASE, 201: PHRASE, 400: Problem})
switch_one = Contract(path={"id": "Id of the debug node."}, answers={200: PHRASE, 201: PHRASE, 404: PHRASE})
read_view = Contract(path={"file": "`view.html`, `view.js` or `view.css`."}, answers={200: _VIEW, 404: PHRASE})
