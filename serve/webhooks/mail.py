"""What services that send mail tell of it, as rows of ``email_campaigns``: one vocabulary for all of them.

Sources: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event,
https://documentation.mailgun.com/docs/mailgun/user-manual/events/events, https://postmarkapp.com/developer/webhooks/webhooks-overview,
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html,
https://developers.brevo.com/docs/transactional-webhooks
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from events.collected import EMAIL_CAMPAIGNS
from serve.ingest.contract import ID_LENGTH, NAME_LENGTH
from serve.sources.gathered import Gathered, as_json
from serve.sources.when import read_time

Item = Mapping[str, Any]


class Told(NamedTuple):
    """One thing that a service tells of one message to one address."""

    type: str
    """Without the `email.` in front."""
    address: object
    time: object
    id: str
    said: Item
    campaign: object = None
    message: object = None
    url: object = None
    reason: object = None
    permanent: bool | None = None
    automatic: bool | None = None


_SENDGRID = {
    "processed": "sent",
    "bounce": "bounced",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "resubscribed",
}


def _sendgrid(item: Item, _: str) -> Iterator[Told]:
    kind = _word(item.get("event"))
    category = item.get("category")
    campaign = item.get("marketing_campaign_name") or item.get("singlesend_name") or item.get("marketing_campaign_id")
    yield Told(
        _SENDGRID.get(kind, kind),
        item.get("email"),
        item.get("timestamp"),
        _text(item.get("sg_event_id")) or _digest(item),
        item,
        campaign or item.get("singlesend_id") or _first(category),
        item.get("sg_message_id"),
        item.get("url"),
        item.get("reason") or item.get("response") if kind in ("bounce", "dropped", "deferred") else None,
        item.get("type") != "blocked" if kind == "bounce" else None,
        bool(item.get("sg_machine_open")) if kind == "open" else None,
    )


_MAILGUN = {"accepted": "sent", "rejected": "dropped", "failed": "bounced"}


def _mailgun(item: Item, _: str) -> Iterator[Told]:
    data = _object(item.get("event-data"))
    kind, status = _word(data.get("event")), _object(data.get("delivery-status"))
    permanent = data.get("severity") != "temporary" if kind == "failed" else None
    bot = _object(data.get("client-info")).get("bot")
    yield Told(
        "deferred" if permanent is False else _MAILGUN.get(kind, kind),
        data.get("recipient"),
        data.get("timestamp"),
        _text(data.get("id")) or _digest(data),
        data,
        _first(data.get("campaigns")) or _first(data.get("tags")),
        _object(_object(data.get("message")).get("headers")).get("message-id"),
        data.get("url"),
        status.get("description") or status.get("message") or data.get("reason"),
        permanent,
        bool(bot) if kind in ("opened", "clicked") else None,
    )


_POSTMARK = {"Delivery": "delivered", "SpamComplaint": "complained", "Open": "opened", "Click": "clicked"}
_POSTMARK_TEMPORARY = ("Transient", "SoftBounce", "DnsError", "AutoResponder", "OpenRelayTest", "Undeterminable")


def _postmark(item: Item, _: str) -> Iterator[Told]:
    kind = str(item.get("RecordType"))
    type, permanent = _POSTMARK.get(kind, _word(kind)), None
    if kind == "Bounce":
        permanent = item.get("Type") not in _POSTMARK_TEMPORARY
        type = "deferred" if item.get("Type") == "Transient" else "bounced"
    if kind == "SubscriptionChange":
        type = "unsubscribed" if item.get("SuppressSending") else "resubscribed"
    times = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
    metadata = _object(item.get("Metadata"))
    yield Told(
        type,
        item.get("Recipient") or item.get("Email"),
        next((item[name] for name in times if item.get(name)), None),
        _digest({name: value for name, value in item.items() if name not in ("Content", "Geo", "ReadSeconds")}),
        item,
        metadata.get("campaign") or item.get("Tag"),
        item.get("MessageID"),
        item.get("OriginalLink"),
        item.get("Description") if kind == "Bounce" else None,
        permanent,
    )


_SES = {
    "Send": "sent",
    "Delivery": "delivered",
    "DeliveryDelay": "deferred",
    "Bounce": "bounced",
    "Reject": "dropped",
    "Rendering Failure": "dropped",
    "Complaint": "complained",
    "Open": "opened",
    "Click": "clicked",
    "Subscription": "unsubscribed",
}
_SES_PARTS = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}
_SES_ADDRESSES = ("bouncedRecipients", "complainedRecipients", "delayedRecipients")


def _ses(item: Item, id: str) -> Iterator[Told]:
    """One row an address: a bounce may be of several."""
    kind = str(item.get("eventType") or item.get("notificationType"))
    mail = _object(item.get("mail"))
    about = _object(item.get(_SES_PARTS.get(kind, kind[:1].lower() + kind[1:])))
    tags = _object(mail.get("tags"))
    campaign = _first(tags.get("campaign")) or _first(tags.get("ses:configuration-set"))
    said: Any = next((about[name] for name in _SES_ADDRESSES if about.get(name)), None)
    recipients: list[Any] = said or about.get("recipients") or mail.get("destination") or [None]
    for number, recipient in enumerate(recipients):
        one = _object(recipient)
        yield Told(
            _SES.get(kind, _word(kind)),
            one.get("emailAddress") if one else recipient,
            about.get("timestamp") or mail.get("timestamp"),
            f"{id}:{number}",
            item,
            campaign,
            mail.get("messageId"),
            about.get("link"),
            one.get("diagnosticCode")
            or about.get("reason")
            or about.get("errorMessage")
            or about.get("complaintFeedbackType")
            or about.get("delayType"),
            about.get("bounceType") == "Permanent" if kind == "Bounce" else None,
        )


_BREVO = {
    "request": "sent",
    "sent": "sent",
    "hard_bounce": "bounced",
    "soft_bounce": "bounced",
    "invalid_email": "bounced",
    "blocked": "dropped",
    "error": "dropped",
    "unique_opened": "opened",
    "proxy_open": "opened",
    "unique_proxy_open": "opened",
    "click": "clicked",
    "spam": "complained",
    "complaint": "complained",
    "unsubscribe": "unsubscribed",
}


def _brevo(item: Item, _: str) -> Iterator[Told]:
    """`id` is that of the webhook, not of the event."""
    kind = _word(item.get("event"))
    time = item.get("ts_event") or item.get("ts_epoch") or item.get("ts")
    keys = ("event", "email", "message-id", "camp_id", "link", "URL", "ts_event", "ts_epoch", "ts")
    yield Told(
        _BREVO.get(kind, kind),
        item.get("email"),
        time,
        _digest({key: item[key] for key in keys if key in item}),
        item,
        item.get("campaign name") or item.get("camp_id") or _first(item.get("tags")) or item.get("tag"),
        item.get("message-id"),
        item.get("link") or item.get("URL"),
        item.get("reason"),
        kind != "soft_bounce" if _BREVO.get(kind) == "bounced" else None,
        "proxy_open" in kind if _BREVO.get(kind, kind) == "opened" else None,
    )


_READERS: dict[str, Callable[[Item, str], Iterator[Told]]] = {
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
    "postmark": _postmark,
    "ses": _ses,
    "brevo": _brevo,
}
SCHEMES = tuple(_READERS)


def read_mail(scheme: str, items: Iterable[object], id: str, source: str, received_us: int) -> Gathered:
    """The rows that ``items`` are; ``id`` is that of the whole request, where the service has one."""
    gathered = Gathered(EMAIL_CAMPAIGNS, source, received_us)
    for item in items:
        if not isinstance(item, dict):
            gathered.refuse("body", "must be a JSON object, or an array of them", as_json(item))
            continue
        for told in _READERS[scheme](cast("dict[str, Any]", item), id):
            _take(told, gathered)
    return gathered


def _take(told: Told, gathered: Gathered) -> None:
    address, type = _text(told.address), f"email.{told.type}"
    field, reason = "", ""
    time = gathered.received_us
    if not told.type or len(type) > NAME_LENGTH:
        field, reason = "event", "is not there, or too long: what happened?"
    elif not address or len(address) > ID_LENGTH:
        field, reason = "email", "is not there, or too long: whose message is it?"
    else:
        try:
            time = read_time(told.time, time)
        except ValueError as error:
            field, reason = "time", str(error)
    if field:
        gathered.refuse(field, reason, as_json(told.said), told.id)
        return
    gathered.add(
        id=told.id[:ID_LENGTH],
        type=type,
        time=time,
        subject=address,
        campaign=_text(told.campaign),
        message=_text(told.message),
        url=_text(told.url),
        reason=_text(told.reason),
        permanent=told.permanent,
        automatic=told.automatic,
        count=1,
        properties=as_json(told.said),
    )


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _first(value: object) -> object:
    """The first of several; a campaign of Mailgun is an object with its id and name."""
    first: Any = value
    if isinstance(value, list):
        first = cast("list[Any]", value)[0] if value else None
    one = _object(first)
    return (one.get("name") or one.get("id")) if one else first


def _text(value: object) -> str | None:
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    return str(value) or None


def _word(value: object) -> str:
    """The name of an event in the form of ours: ``listAddition`` is ``list_addition``."""
    text = "".join(f"_{c.lower()}" if c.isupper() else c for c in str(value or ""))
    return text.strip("_").replace(" ", "_")


def _digest(item: Item) -> str:
    """An id made of what is said, for a service that has none."""
    return hashlib.sha256(as_json(dict(sorted(item.items()))).encode()).hexdigest()
