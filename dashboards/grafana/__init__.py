"""The Grafana dashboards. `make dashboards` writes the JSON beside this file; nobody edits that by hand.

What is shown target by target shows the drill too, as a target of its own: whoever is paged by a drill must find it.
What is summed over targets leaves it out, as the rules do: a made-up failure is in no ratio, no objective, no count of
failing targets, and is nobody's side. The Target dashboard with the drill chosen shows all of it.

Whatever is shown of a target is aggregated by target, so that two exporters that probe one target make one row, and
neither a second row nor an error. Red is for danger; what is neither good nor bad has a colour without a meaning.
"""
