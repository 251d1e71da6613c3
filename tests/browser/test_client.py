"""The client against a server that behaves, and one that does not.

Each test opens the built page of a fake server and pulls a lever; what is asserted is what a reader would see, or
what the server would receive.
"""

from __future__ import annotations

import itertools
import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit
from .fake_live import KEY, UNAUTHENTICATED, WINDOW, FakeLive
from .scenes import alert, busy, first_start

expect.set_options(timeout=15_000)


def live(page: Page) -> None:
    expect(page.locator(".pill[data-state=live]")).to_be_visible()


def tile(page: Page, title: str) -> Locator:
    return page.locator(f'.tile[aria-label="{title}"]')


def users(value: int, prev: int | None = 100) -> dict[str, object]:
    return {"active_users": {"v": value, "prev": prev, "spark": [1, 2, value]}}


def eventually(seen: object, within: float = 10.0) -> None:
    """Waits until the callable is true of the server's side."""
    assert callable(seen)
    deadline = time.monotonic() + within
    while not seen():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


# -- the live protocol ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [False, True], ids=["text", "bytes"])
def test_numbers_move_when_a_delta_comes(visit: Visit, binary: bool) -> None:
    fake = FakeLive(busy())
    fake.binary = binary
    page = visit(fake)
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    fake.push("user_activity", users(9001))
    expect(tile(page, "Active users, 5 min")).to_contain_text("9,001")
    fake.push("ingest", {"t": [time.time()], "rate": [4321], "lag": [7]})
    expect(page.locator(".rail-foot")).to_contain_text("4,321")
    expect(page.locator(".rail-foot")).to_contain_text("7\u202fms")


def test_a_dropped_socket_is_resumed_where_it_was(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    topic = fake.topics["user_activity"]
    fake.drop_sockets()
    fake.push("user_activity", users(9002))
    expect(tile(page, "Active users, 5 min")).to_contain_text("9,002")
    first, second = fake.subscriptions("user_activity")
    assert "after" not in first
    assert (second["after"], second["epoch"]) == (topic.seq - 1, topic.epoch)


def test_a_gap_is_noticed_and_filled_with_a_snapshot(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    fake.lose("user_activity", {"rejected": {"v": 99, "prev": 3, "spark": [1, 99]}})
    fake.push("user_activity", users(9003))
    expect(tile(page, "Active users, 5 min")).to_contain_text("9,003")
    expect(tile(page, "Rejected, 1 h")).to_contain_text("99")
    assert "after" not in fake.subscriptions("user_activity")[-1]


def test_a_new_epoch_replaces_what_the_client_held(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    expect(page.locator(".alerts li")).to_have_count(6)
    kept = alert("b1", "low", "Rebuilt", "the view was rebuilt", time.time(), "firing")
    fake.new_epoch("alerts", {"b1": kept})
    fake.drop_sockets()
    expect(page.locator(".alerts li")).to_have_count(1)
    expect(page.locator(".alerts li")).to_contain_text("Rebuilt")


def test_null_deletes_a_row(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    expect(page.locator(".alerts li")).to_have_count(6)
    fake.push("alerts", {"a6": None, "a5": None})
    expect(page.locator(".alerts li")).to_have_count(4)
    expect(page.locator(".alerts")).not_to_contain_text("ios-sdk")


def test_columns_are_cut_at_their_cap(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    now = time.time()
    page.get_by_label("System health: view as table").click()
    fake.push(
        "system_health",
        {"t": [now + i for i in range(700)]} | {name: [5.0] * 700 for name in ("cpu", "mem", "disk", "net")},
    )
    # 600 of the 700 seconds are kept: the panel covers ten minutes, not eleven.
    expect(page.locator(".panel", has_text="System health").locator(".note")).to_have_text("last 10\u202fm")
    expect(page.locator(".panel", has_text="System health").locator("td").first).to_have_text("5")


def test_a_slow_page_slows_its_server_and_still_ends_up_current(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    eventually(lambda: len(fake.subscriptions("alerts")) == 1)
    page.evaluate("setTimeout(() => { const end = Date.now() + 2500; while (Date.now() < end); }, 0)")
    for i in range(100):
        fake.push("user_activity", users(10_000 + i))
        fake.push("ingest", {"t": [time.time()], "rate": [i], "lag": [1]})
        time.sleep(0.02)
    expect(tile(page, "Active users, 5 min")).to_contain_text("10,099")
    (socket,) = fake.sockets
    # The heartbeat and the pong are sent whatever the credit; the deltas wait.
    assert socket.most_ahead <= WINDOW + 3
    acknowledged = [frame["n"] for frame in fake.received if frame["op"] == "ack"]
    assert all(1 <= later - earlier <= 4 for earlier, later in itertools.pairwise(acknowledged))


def test_pausing_holds_the_numbers_and_resuming_catches_up(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    page.keyboard.press("p")
    expect(page.locator(".pill")).to_contain_text("Paused")
    expect(page.locator(".panel.stale .chip.warn").first).to_contain_text("paused")
    fake.push("user_activity", users(9004))
    page.wait_for_timeout(300)
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    page.keyboard.press("p")
    expect(tile(page, "Active users, 5 min")).to_contain_text("9,004")
    expect(page.locator(".stale")).to_have_count(0)


# -- states ---------------------------------------------------------------------------------------------------------


def test_before_the_first_event_the_page_says_how_to_send_one(visit: Visit) -> None:
    page = visit(FakeLive(first_start()))
    live(page)
    expect(page.get_by_text("No events yet").first).to_be_visible()
    expect(page.locator(".command")).to_contain_text(re.compile(r"curl .*/v1/track"))
    expect(page.get_by_text("All quiet")).to_be_visible()
    assert "Infinity" not in page.inner_text("body")
    assert "NaN" not in page.inner_text("body")


def test_nothing_is_divided_by_a_period_of_zero(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    fake.push("user_activity", users(12, prev=0))
    expect(tile(page, "Active users, 5 min")).to_contain_text("vs 0")
    expect(tile(page, "Active users, 5 min")).not_to_contain_text("%")
    fake.push("user_activity", users(13, prev=None))
    expect(tile(page, "Active users, 5 min")).to_contain_text("no prior 5 min yet")


def test_a_failed_topic_names_its_reference_and_can_be_retried(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    panel = page.locator(".panel", has_text="Top events")
    expect(panel).to_contain_text("Lesson Completed")
    fake.fail("top_events", "query timed out after 5 s", "7f3a")
    expect(panel).to_contain_text("ref 7f3a")
    panel.get_by_role("button", name="Retry").click()
    expect(panel).to_contain_text("Lesson Completed")


def test_figures_that_cannot_be_drawn_cost_their_panel_only(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    panel = page.locator(".cell", has_text="Top events")
    expect(panel).to_contain_text("Lesson Completed")
    fake.push("top_events", {"rows": 7})
    expect(panel).to_contain_text("could not be drawn")
    fake.push("top_events", {"rows": [{"name": "Mended", "source": "courses", "n": 1, "prev": 1, "spark": [1]}]})
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    panel.get_by_role("button", name="Retry").click()
    expect(panel).to_contain_text("Mended")


def test_a_server_that_cannot_be_reached_is_told_and_found_again(visit: Visit) -> None:
    fake = FakeLive(busy())
    fake.refuse_sockets = True
    page = visit(fake)
    expect(page.get_by_text("Could not load").first).to_be_visible()
    fake.refuse_sockets = False
    live(page)
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")


# -- commands -------------------------------------------------------------------------------------------------------


def test_an_alert_is_acknowledged_at_once_and_with_an_idempotency_key(visit: Visit) -> None:
    fake = FakeLive(busy())
    fake.acknowledge_takes = 1.0
    page = visit(fake)
    row = page.locator('.alerts li[data-id="a1"]')
    row.get_by_role("button").click()
    expect(row).to_contain_text("acked", timeout=900)
    eventually(lambda: fake.topics["alerts"].data["a1"]["acknowledged"])
    ((path, headers, body),) = fake.commands
    assert path == "/v1/alerts/a1/acknowledge"
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", headers["idempotency-key"]
    )
    assert (headers["content-type"], body) == ("application/json", b"{}")


def test_a_refused_acknowledgement_is_taken_back_and_the_retry_is_the_same_command(visit: Visit) -> None:
    fake = FakeLive(busy())
    fake.acknowledge_answers = 503
    page = visit(fake)
    row = page.locator('.alerts li[data-id="a1"]')
    row.get_by_role("button").click()
    expect(page.locator(".notice")).to_contain_text("503")
    expect(row.get_by_role("button")).to_be_visible()
    fake.acknowledge_answers = 204
    row.get_by_role("button").click()
    expect(row).to_contain_text("acked")
    eventually(lambda: len(fake.commands) == 2)
    first, second = (headers["idempotency-key"] for _, headers, _ in fake.commands)
    assert first == second


def test_alerts_are_worked_through_from_the_keyboard(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    expect(page.locator(".alerts li")).to_have_count(6)
    expect(page.locator(".rail em")).to_contain_text("3 alerts")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator('.alerts li[data-id="a2"]')).to_contain_text("acked")
    expect(page.locator(".rail em")).to_contain_text("2 alerts")
    expect(page).to_have_title("(2) Overview · Hindcast")
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(page.locator('.alerts li[data-id="a1"]')).to_contain_text("acked")


# -- sessions -------------------------------------------------------------------------------------------------------


def test_without_a_session_a_key_is_asked_for(visit: Visit) -> None:
    page = visit(FakeLive(busy(), needs_session=True))
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")


def test_a_key_in_the_address_signs_in_and_disappears(visit: Visit) -> None:
    page = visit(FakeLive(busy(), needs_session=True), path=f"/#key={KEY}")
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    assert KEY not in page.url


def test_a_link_with_a_key_works_in_a_tab_that_is_already_open(visit: Visit) -> None:
    page = visit(FakeLive(busy(), needs_session=True))
    expect(page.get_by_label("API key")).to_be_visible()
    page.evaluate(f"location.hash = 'key={KEY}'")
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    assert KEY not in page.url


def test_letters_typed_into_a_field_are_no_shortcuts(visit: Visit) -> None:
    page = visit(FakeLive(busy(), needs_session=True))
    page.get_by_label("API key").press_sequentially("tp")
    expect(page.get_by_label("API key")).to_have_value("tp")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_session_that_ends_brings_the_sign_in_back(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    fake.drop_sockets(UNAUTHENTICATED)
    expect(page.get_by_label("API key")).to_be_visible()


# -- reading --------------------------------------------------------------------------------------------------------


def test_the_chart_is_read_with_the_arrow_keys_and_as_a_table(visit: Visit) -> None:
    page = visit(FakeLive(busy()))
    live(page)
    chart = page.get_by_label(re.compile("Events per 10 seconds"))
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_contain_text("still open")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_contain_text("Expected")
    page.get_by_label("User activity: view as table").click()
    rows = page.get_by_role("region", name="Events per 10 seconds").locator("tbody tr")
    expect(rows).to_have_count(180)
    page.keyboard.press("[")
    expect(rows).to_have_count(60)
    page.keyboard.press("]")
    page.keyboard.press("]")
    expect(rows).to_have_count(360)
    expect(page.locator("td .anomaly").first).to_be_visible()


def test_the_theme_is_switched_and_remembered(visit: Visit) -> None:
    page = visit(FakeLive(busy()), theme="light")
    assert page.locator("html").get_attribute("data-theme") == "light"
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_help_lists_the_keys(visit: Visit) -> None:
    page = visit(FakeLive(busy()))
    live(page)
    page.keyboard.press("?")
    for key in ("P", "T", "J", "A", "["):
        expect(page.locator("dialog kbd", has_text=re.compile(f"^{re.escape(key)}$"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390, 640, 1024, 1440])
def test_no_width_scrolls_sideways(visit: Visit, width: int) -> None:
    page = visit(FakeLive(busy()), size=(width, 800))
    live(page)
    expect(page.locator(".alerts li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_fits_a_laptop_screen(visit: Visit) -> None:
    page = visit(FakeLive(busy()), size=(1440, 900))
    live(page)
    expect(page.locator(".alerts li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight") <= 900
