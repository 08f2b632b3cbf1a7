"""From results to series: every metric name of the exporter lives in this package, and nowhere else."""

from exporter.metrics.exposition import exposition
from exporter.metrics.ondemand import probe_registry
from exporter.metrics.recorder import Recorder
from exporter.metrics.renderer import Renderer
from exporter.metrics.writer import Writer

__all__ = ["Recorder", "Renderer", "Writer", "exposition", "probe_registry"]
