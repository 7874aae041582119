"""``/metrics``: figures for Prometheus."""

from __future__ import annotations

from . import Contract, Media

read_metrics = Contract(answers={200: Media("text/plain", "Figures, one a line, each with its name, help and type.")})
