"""The client's link to the server: the live protocol, commands, sessions.

Each test opens the built page of a fake server and pulls a lever; what is asserted is what a reader would see, or
what the server would receive.
"""

from __future__ import annotations

import itertools
import re
import time

import pytest
from playwright.sync_api import expect

from .conftest import Visit
from .fake_live import KEY, UNAUTHENTICATED, WINDOW, FakeLive
from .looking import eventually, live, tile, users
from .scenes import alert, busy

pytestmark = pytest.mark.slow

# -- the live protocol ---------------------------------------------------------------------------------------------------


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
    fake.lose("user_activity", {"events_per_minute": {"v": 99, "prev": 3, "spark": [1, 99]}})
    fake.push("user_activity", users(9003))
    expect(tile(page, "Active users, 5 min")).to_contain_text("9,003")
    expect(tile(page, "Events per minute")).to_contain_text("99")
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
    assert socket.most_ahead <= WINDOW + 12
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


# -- commands ------------------------------------------------------------------------------------------------------------


def test_an_alert_is_acknowledged_at_once_and_with_an_idempotency_key(visit: Visit) -> None:
    fake = FakeLive(busy())
    fake.acknowledges.clear()
    page = visit(fake)
    row = page.locator('.alerts li[data-id="a1"]')
    row.get_by_role("button").click()
    expect(row).to_contain_text("acked")
    fake.acknowledges.set()
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
    expect(page).to_have_title("(2) Overview (simulated) · Hindcast")
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(page.locator('.alerts li[data-id="a1"]')).to_contain_text("acked")


# -- sessions ------------------------------------------------------------------------------------------------------------


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
