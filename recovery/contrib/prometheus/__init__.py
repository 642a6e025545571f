"""How recovery does, for Prometheus. Optional: the site mounts ``scrape`` where its scraper asks.

``readings`` computes, from the figures and the signs of life; ``views`` answers. ``alerts.yml`` and ``grafana.json``
beside them are examples for Prometheus and Grafana. What each metric says is written in docs/monitoring.md.
"""

from recovery.contrib.prometheus.views import scrape

__all__ = ["scrape"]
