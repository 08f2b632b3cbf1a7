"""How panels look: colours, sizes, and every kind of panel with our defaults."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from types import MappingProxyType
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    MatcherConfig,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

from exporter.catalogue import FAILURE_CATEGORIES, Category, Side

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
MIN_STEP = "15s"
SHARED_CROSSHAIR = DashboardCursorSync.CROSSHAIR

GOOD, CAREFUL, DANGER, PLAIN, UNKNOWN = "green", "orange", "red", "text", "#8E8E8E"
NEUTRAL = "blue"

SIDES: Mapping[Side, str] = MappingProxyType(
    {
        Side.PROVIDER: DANGER,
        Side.CLIENT: "orange",
        Side.TENANT: "yellow",
        Side.NETWORK: "purple",
        Side.PROBER: "blue",
    }
)

OTHER_PROVIDER_CODES = "#E685B5"
"""Codes of the provider's beside AADSTS50000, which alone is red where errors are shown by code."""

PHASES: Mapping[str, str] = MappingProxyType(
    {
        "resolve": "light-purple",
        "connect": "purple",
        "tls": "dark-purple",
        "processing": "blue",
        "transfer": "light-blue",
    }
)

Panel = timeseries.Panel | stat.Panel | table.Panel | heatmap.Panel | bargauge.Panel | statetimeline.Panel
P = TypeVar("P", timeseries.Panel, stat.Panel, table.Panel, heatmap.Panel, bargauge.Panel, statetimeline.Panel)
Size = tuple[int, int]


def _query(expr: str) -> Dataquery:
    return Dataquery().datasource(SOURCE).editor_mode(QueryEditorMode.CODE).expr(expr)


def graph(expr: str, legend: str) -> Dataquery:
    """A query over the dashboard's time range."""
    return _query(expr).range().legend_format(legend).format(PromQueryFormat.TIME_SERIES)


def now(expr: str, legend: str = "") -> Dataquery:
    """A query of the state at the end of the time range."""
    return _query(expr).instant().legend_format(legend or "__auto").format(PromQueryFormat.TIME_SERIES)


def cells(expr: str) -> Dataquery:
    """A query of the state, for a table: its labels become columns."""
    return _query(expr).instant().format(PromQueryFormat.TABLE)


def _framed(panel: P, title: str, about: str, unit: str, queries: Sequence[Dataquery], size: Size) -> P:
    panel.title(title).description(about).unit(unit).datasource(SOURCE).interval(MIN_STEP)
    panel.span(size[0]).height(size[1])
    for ref_id, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(query.ref_id(ref_id))
    return panel


def number(title: str, about: str, unit: str, *queries: Dataquery, width: int) -> stat.Panel:
    """One number, or a few; coloured by thresholds, plain without."""
    panel = _framed(stat.Panel(), title, about, unit, queries, (width, 4))
    return (
        panel.thresholds(steps((PLAIN, None)))
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .color_mode(words.BigValueColorMode.VALUE)
        .graph_mode(words.BigValueGraphMode.NONE)
        .text_mode(words.BigValueTextMode.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def lines(title: str, about: str, unit: str, *queries: Dataquery, size: Size) -> timeseries.Panel:
    """Lines over time, in shades of one colour unless they are told theirs."""
    panel = _framed(timeseries.Panel(), title, about, unit, queries, size)
    return (
        panel.axis_soft_min(0)
        .color_scheme(FieldColor().mode(FieldColorModeId.SHADES).fixed_color(NEUTRAL))
        .fill_opacity(10)
        .show_points(words.VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().show_legend(True).display_mode(words.LegendDisplayMode.LIST))
        .tooltip(common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING))
    )


def bars(title: str, about: str, unit: str, *queries: Dataquery, size: Size) -> timeseries.Panel:
    """Stacked bars over time."""
    return (
        lines(title, about, unit, *queries, size=size)
        .draw_style(words.GraphDrawStyle.BARS)
        .stacking(common.StackingConfig().mode(words.StackingMode.NORMAL).group("A"))
        .fill_opacity(80)
        .line_width(0)
    )


def gauge(title: str, about: str, unit: str, *queries: Dataquery, size: Size) -> bargauge.Panel:
    """A bar for each value of now."""
    panel = _framed(bargauge.Panel(), title, about, unit, queries, size)
    return (
        panel.min(0)
        .orientation(words.VizOrientation.HORIZONTAL)
        .display_mode(words.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def rows(title: str, about: str, *queries: Dataquery, size: Size) -> table.Panel:
    """A table of the state now; columns are named by `columns`."""
    return _framed(table.Panel(), title, about, "short", queries, size).filterable(True).show_header(True)


def timeline(title: str, about: str, *queries: Dataquery, size: Size) -> statetimeline.Panel:
    """States over time, a line for each; as many as fit, the rest on further pages."""
    panel = _framed(statetimeline.Panel(), title, about, "short", queries, size)
    return (
        panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .show_value(words.VisibilityMode.NEVER)
        .merge_values(True)
        .per_page(20)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(80)
        .legend(common.VizLegendOptions().show_legend(True).display_mode(words.LegendDisplayMode.LIST))
    )


def density(title: str, about: str, *queries: Dataquery, size: Size) -> heatmap.Panel:
    """How often something took how long, over time."""
    panel = _framed(heatmap.Panel(), title, about, "s", queries, size)
    return (
        panel.color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").exponent(0.5).steps(32))
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .cell_values(heatmap.CellValues().unit("cpm"))
        .show_legend()
    )


def steps(*levels: tuple[str, float | None]) -> ThresholdsConfig:
    """Colours from a value on; the first has no value."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for color, value in levels])
    )


def limit(panel: timeseries.Panel, value: float, color: str = CAREFUL) -> timeseries.Panel:
    """Draws a line at the value from which on an alert or an eye should look."""
    style = common.GraphThresholdsStyleConfig().mode(words.GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(steps(("transparent", None), (color, value))).thresholds_style(style)


def bridged(panel: timeseries.Panel) -> timeseries.Panel:
    """Draws lines on over the moments without an attempt, of which there are many where the interval is long."""
    return panel.span_nulls(300_000)


def paint(color: str) -> DynamicConfigValue:
    """This very colour."""
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})


def shade(color: str) -> DynamicConfigValue:
    """Shades of this colour, one for each series."""
    return DynamicConfigValue("color", {"mode": "shades", "fixedColor": color})


def setting(name: str, value: object) -> DynamicConfigValue:
    """A setting of single fields."""
    return DynamicConfigValue(name, value)


def levels(*of: tuple[str, float | None]) -> list[DynamicConfigValue]:
    """Thresholds of single fields, which colour them."""
    thresholds = {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in of]}
    return [setting("thresholds", thresholds), setting("color", {"mode": "thresholds"})]


def by_side(panel: P) -> P:
    """Colours series that are named by side, or by side and something."""
    for side, color in SIDES.items():
        panel.override_by_regexp(f"/^{side}$/", [paint(color)])
        panel.override_by_regexp(f"/^{side} /", [shade(color)])
    return panel


def by_code(panel: P) -> P:
    """Colours series that are named by code and category: AADSTS50000 red, and nothing else is."""
    for side, color in SIDES.items():
        kinds = "|".join(kind for kind in FAILURE_CATEGORIES if kind.side is side and kind is not Category.UNKNOWN)
        panel.override_by_regexp(f"/ ({kinds})$/", [shade(OTHER_PROVIDER_CODES if side is Side.PROVIDER else color)])
    panel.override_by_regexp(f"/ {Category.UNKNOWN}$/", [shade(UNKNOWN)])
    panel.override_by_regexp("/^AADSTS50000 /", [paint(DANGER)])
    return panel


def link(title: str, url: str) -> DynamicConfigValue:
    """A link of single fields."""
    elsewhere = url.startswith("https:")
    return DynamicConfigValue("links", [{"title": title, "url": url, "targetBlank": elsewhere}])


def linked(panel: P, title: str, url: str) -> P:
    """Links every value of a panel."""
    return panel.with_override(MatcherConfig(id_val="byType", options="number"), [link(title, url)])


def columns(panel: table.Panel, names: Mapping[str, str]) -> table.Panel:
    """Makes one table of the queries: these columns, in this order, under these names."""
    hidden = {"Time": True} | {f"Value #{query}": True for query in ascii_uppercase if f"Value #{query}" not in names}
    options = {
        "excludeByName": hidden,
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": dict(names),
    }
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options=options))


def sorted_by(panel: table.Panel, *names: str) -> table.Panel:
    """The greatest on top."""
    return panel.sort_by([common.TableSortByFieldState().display_name(name).desc(True) for name in names])


DASHED = setting("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})
