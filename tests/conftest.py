"""Settings of the whole suite."""

from hypothesis import settings

# The same examples in every run, and no deadline: machines are noisy.
settings.register_profile("exporter", derandomize=True, deadline=None)
settings.load_profile("exporter")

# Fixtures of other people's authorization servers, for every test that asks for them; the suite in several processes.
pytest_plugins = ["foreign_servers", "workers"]
