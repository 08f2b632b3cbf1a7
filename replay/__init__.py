"""Replays outages through the exporter's own code and the real alert rules, in virtual time, and scores the alerts.

virtual     a loop and a clock that never wait
fleet       whom the prober watches
world       what is answered: a scenario's outage, else noise, else a token
record      the exporter runs, and is scraped
openmetrics what was scraped, as promtool backfills it
prometheus  a real Prometheus evaluates the rules
alerting    when an alert fires, by `for` and `keep_firing_for`
score       what was detected, how soon, and what fired for nothing
grid        synthetic outages of every severity
outages/    outages that happened
peers.yaml  what others alert on
floor       what no test can beat
"""
