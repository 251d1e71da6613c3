"""Settings: what wins over what, and how a mistake is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings
from events.catalog import STREAMS
from events.errors import Rejected

EVENTS = "metrics: [{name: events, stream: user_interactions}, {name: '{type}', stream: system_metrics}]"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("HINDCAST_")]:
        monkeypatch.delenv(name)


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("preset", ["base", "course", "saas", "demo"])
def test_every_preset_loads_and_watches_the_machine_and_the_events(preset: str) -> None:
    settings = Settings.load(preset)
    assert {"events", "events_by_type", "active_users", "revenue", "{type}"} <= {m.name for m in settings.metrics}
    assert ("events", "count") in {(a.metric, a.aggregate) for a in settings.anomalies}
    assert {"CPU is busy", "Memory is nearly full", "Disk is nearly full"} <= {a.name for a in settings.alerts}
    assert all(metric.stream in STREAMS for metric in settings.metrics)


def test_demo_is_both_platforms_and_the_machine_only_once() -> None:
    course, saas, demo = (Settings.load(preset) for preset in ("course", "saas", "demo"))
    assert {m.name for m in demo.metrics} == {m.name for m in course.metrics} | {m.name for m in saas.metrics}
    assert {a.name for a in demo.alerts} == {a.name for a in course.alerts} | {a.name for a in saas.alerts}


def test_a_file_extends_a_preset_and_replaces_by_name(tmp_path: Path) -> None:
    rule = "{name: CPU is busy, condition: cpu.percent.mean > 5, threshold: 5}"
    text = f"extends: saas\nserver: {{port: 9000}}\nalerts: [{rule}]"
    settings = Settings.load(written(tmp_path, text))
    assert settings.server.port == 9000
    assert [a.threshold for a in settings.alerts if a.name == "CPU is busy"] == [5]
    assert any(a.name == "API requests fail" for a in settings.alerts)


def test_a_file_may_extend_the_file_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "tenant: acme", "shared.yaml")
    settings = Settings.load(written(tmp_path, "extends: shared.yaml\nserver: {port: 1}"))
    assert (settings.tenant, settings.server.port) == ("acme", 1)


def test_files_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "extends: b.yaml", "a.yaml")
    written(tmp_path, "extends: a.yaml", "b.yaml")
    with pytest.raises(Rejected, match=r"a\.yaml -> b\.yaml -> a\.yaml"):
        Settings.load(tmp_path / "a.yaml")


def test_the_environment_wins_over_the_file_and_arguments_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "server: {port: 1, max_body_bytes: 2000}\nlog: {min_free_mb: 5}")
    monkeypatch.setenv("HINDCAST_SERVER__PORT", "2")
    monkeypatch.setenv("HINDCAST_LOG__MIN_FREE_MB", "6")
    settings = Settings.load(file, server={"port": 3})
    assert (settings.server.port, settings.server.max_body_bytes, settings.log.min_free_mb) == (3, 2000, 6)
    assert Settings.load(file).server.port == 2


def test_an_unknown_key_is_refused_with_its_place_and_the_keys_there_are(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"is not a key in mine\.yaml; keys there are .*port") as refused:
        Settings.load(written(tmp_path, "server: {prot: 9000}"))
    assert refused.value.field == "server.prot"


def test_the_mistake_of_an_extended_file_is_told_of_that_file(tmp_path: Path) -> None:
    written(tmp_path, "metrics: [{name: a, stream: user_interactions, widht_s: 5}]", "shared.yaml")
    with pytest.raises(Rejected, match=r"in shared\.yaml; keys there are .*width_s") as refused:
        Settings.load(written(tmp_path, "extends: shared.yaml"))
    assert refused.value.field == "metrics[0].widht_s"


def test_an_unknown_key_in_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINDCAST_SERVER__PROT", "9000")
    with pytest.raises(Rejected, match="HINDCAST_SERVER__PROT"):
        Settings.load("base")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("metrics: [{name: a, stream: nope}]", "there is no stream 'nope'; streams are user_interactions"),
        ("metrics: [{name: a, stream: alerts, key: colour}]", "alerts has no column 'colour'"),
        ("metrics: [{name: a, stream: alerts, value: rule}]", "column 'rule' holds no numbers"),
        ("metrics: [{name: a, stream: alerts, key: value}]", "column 'value' is a number"),
        ("metrics: [{name: '{kind}', stream: alerts}]", "alerts has no column 'kind'"),
        ("metrics: [{name: a, stream: alerts, width_s: 0}]", "greater than 0"),
        ("metrics: [{name: a, stream: alerts, width_s: 0.0001}]", "at least 0.001 s wide"),
        ("metrics: [{name: a, stream: alerts, width_s: 1.0e+9}]", "less than or equal to"),
        ("metrics: [{name: a, stream: alerts, lateness_s: .inf}]", "finite"),
        ("metrics: [{name: a, stream: late_rows}]", "is made of the metrics"),
        ("metrics: [{name: a, stream: metrics}]", "is made of the metrics"),
        ("alerts: [{name: a, condition: x.mean > 1, threshold: 1, no_data: shrug}]", "'resolve', 'keep' or 'fire'"),
        ("alerts: [{name: a, condition: x.mean > 1, threshold: 1, for_s: .inf}]", "finite"),
        ("metrics: [{name: a, stream: alerts}, {name: a, stream: alerts}]", "'a' is there 2 times"),
        ("anomalies: [{metric: ghost}]", "there is no metric 'ghost'"),
        ("alerts: [{name: a, condition: x.count > 1, threshold: 1, channels: [sms]}]", "channels are dashboard"),
        ("alerts: [{name: a, condition: cpu > threshold, threshold: 1}]", "alerts[0].condition"),
        ("alerts: [{name: a, condition: ghost.count > threshold, threshold: 1}]", "'ghost', which is no metric"),
        (
            "channels: [{name: a, kind: webhook, url: nowhere, secret: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]",
            "valid URL",
        ),
        ("channels: [{name: a, kind: carrier-pigeon}]", "carrier-pigeon"),
        (
            "channels: [{name: a, kind: webhook, url: 'http://h/', secret: a plain text of mine}]",
            "notifications secret",
        ),
        ("channels: [{name: a, kind: webhook, url: 'http://h/', secret: whsec_c2hvcnQ=}]", "24 to 64 random bytes"),
        ("alerts: [{name: ' a', condition: x.count > 1, threshold: 1}]", "begins or ends with a space"),
        ("alerts: [{name: a, condition: x.count > 1, threshold: 1, for_s: 1e9}]", "less than or equal to 2592000"),
        (f"{EVENTS}\nalerts: [{{name: a, condition: evnets.count > 1, threshold: 1}}]", "did you mean 'events'?"),
        (
            f"{EVENTS}\nalerts: [{{name: a, condition: events.p95 > 1, threshold: 1}}]",
            "give the metric a `value` column",
        ),
        (f"{EVENTS}\nalerts: [{{name: a, condition: events.distinct > 1, threshold: 1}}]", "a `distinct` column"),
        (f"{EVENTS}\nalerts: [{{name: a, condition: 'events.count{{key=\"x\"}} > 1', threshold: 1}}]", "has no keys"),
        (f"{EVENTS}\nalerts: [{{name: a, condition: events.count < 0, threshold: 0}}]", "can never hold"),
        (f"{EVENTS}\nanomalies: [{{metric: evnets}}]", "did you mean 'events'?"),
        (f"{EVENTS}\nanomalies: [{{metric: events, aggregate: mean}}]", "give the metric a `value` column"),
        (
            "metrics: [{name: f, stream: insights}]\ntrends: [{metric: f}]",
            "goes in a circle: metric/f -> trend/f.count",
        ),
        ("metrics: [{name: f, stream: anomalies}]\nanomalies: [{metric: f}]", "goes in a circle"),
        ("server: [1]", "server"),
        ("- a list", "must be a mapping of sections"),
        ("{", "is not YAML"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        Settings.load(written(tmp_path, text))
    assert reason in str(refused.value)
    assert "mine.yaml" in str(refused.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        Settings.load(written(tmp_path, "tenant: 'a b'\nserver: {port: 99999999}\nnonsense: 1"))
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["tenant", "server.port", "nonsense"]


def test_a_missing_file_names_the_presets() -> None:
    with pytest.raises(Rejected, match="presets are base, course, saas, demo"):
        Settings.load("cuorse")


def test_secrets_do_not_show(tmp_path: Path) -> None:
    secret = "whsec_Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="
    text = f"channels: [{{name: ops, kind: webhook, url: 'http://localhost:1/x', secret: {secret}}}]"
    settings = Settings.load(written(tmp_path, text))
    assert "Y29ycmVjdC" not in repr(settings)
    assert [channel.name for channel in settings.channels] == ["ops"]


def test_settings_can_be_changed_and_are_checked_again() -> None:
    settings = Settings.load("base", server={"port": 1, "max_body_bytes": 2_000}, tenant="acme")
    changed = settings.replaced(server={"port": 2}, data_dir="elsewhere")
    assert (changed.server.port, changed.server.max_body_bytes, changed.tenant) == (2, 2_000, "acme")
    assert changed.metrics == settings.metrics
    with pytest.raises(Rejected, match=r"server\.port"):
        settings.replaced(server={"port": -1})


def test_other_variables_of_the_family_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINDCAST_KEY", "hc_for_the_client")
    assert Settings.load("base").tenant == "main"


def test_the_configuration_that_the_readme_shows_works(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    shown = readme.split("```yaml\n# mine.yaml\n")[1].split("```")[0]
    settings = Settings.load(written(tmp_path, shown))
    assert {"orders", "refunds"} <= {metric.name for metric in settings.metrics}
    assert "ops" in {channel.name for channel in settings.channels}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.example:443", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "*"),
    ],
)
def test_origins_are_read_as_browsers_spell_them(said: str, meant: str) -> None:
    assert Settings.load("base", server={"cors_origins": [said]}).server.cors_origins == (meant,)


@pytest.mark.parametrize("said", ["shop.example", "https://shop.example/", "https://*.shop.example/x", "", "https://"])
def test_an_origin_that_no_page_has_is_refused(said: str) -> None:
    with pytest.raises(Rejected, match=r"cors_origins.*https://shop\.example"):
        Settings.load("base", server={"cors_origins": [said]})


WIDGET = "{id: a, type: metric, metric: revenue}"


@pytest.mark.parametrize(
    ("dashboard", "reason"),
    [
        ("widgets: [{id: a, type: metric}]", "names one metric to draw"),
        ("widgets: [{id: a, type: heat, metric: revenue}]", "a widget of type heat takes none"),
        ("widgets: [{id: a, type: measure}]", "options.measure: a widget of type measure needs it"),
        ("widgets: [{id: a, type: heat, options: {unit: ms}}]", "a widget of type heat has no use for it"),
        (f"widgets: [{WIDGET}, {WIDGET}]", "'a' is there 2 times"),
        (f"widgets: [{WIDGET}], layout: [{{widget: b, x: 0, y: 0, w: 4, h: 2}}]", "there is no widget 'b'"),
        (f"widgets: [{WIDGET}], layout: []", "has 0 places"),
        (f"widgets: [{WIDGET}], layout: [{{widget: a, x: 9, y: 0, w: 4, h: 2}}]", "beyond the twelve columns"),
    ],
)
def test_a_dashboard_shows_what_there_is_in_places_that_there_are(tmp_path: Path, dashboard: str, reason: str) -> None:
    file = tmp_path / "mine.yaml"
    metric = "{name: revenue, stream: user_interactions, value: amount, key: currency}"
    file.write_text(f"metrics: [{metric}]\ndashboards: [{{id: d, name: D, {dashboard}}}]\n")
    with pytest.raises(Rejected) as refused:
        Settings.load(file)
    assert reason in str(refused.value)


@pytest.mark.parametrize("preset", ["base", "course", "saas", "demo"])
def test_each_preset_shows_its_business_first(preset: str) -> None:
    overview, system, *_ = Settings.load(preset).dashboards
    assert (overview.id, system.id) == ("overview", "system")
    assert overview.widgets[0].metric == "revenue"
