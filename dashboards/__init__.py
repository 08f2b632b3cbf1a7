"""What goes with the exporter: dashboards, alert rules, runbooks, and configs of Prometheus and Alertmanager."""
