"""Codecs: the envelope and its layers, and what is said of keys."""

from __future__ import annotations

import base64
import importlib
import json
import os
import pickle
import zlib
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest

from runtime import App
from runtime.codec import AesGcm, Compress, Sealer
from runtime.errors import CodecError, ConfigError, PayloadInvalid, PayloadTooLarge, UsageError
from runtime.payload import PayloadLimits

cloudpickle = importlib.import_module("cloudpickle")  # it has no types
OLD, NEW = bytes(range(32)), bytes(range(1, 17))
ID = uuid4()
TEXT = '{"name":"Zoë"}'


def sealed(sealer: Sealer, text: str = TEXT, job_id: UUID | None = ID) -> str:
    return sealer.seal("args", text, "mail", job_id)


def as_jsonb(text: str) -> str:
    """As PostgreSQL gives jsonb back: keys by length, with spaces."""
    value = json.loads(text)
    return json.dumps({key: value[key] for key in sorted(value, key=lambda key: (len(key), key))})


def test_what_is_sealed_says_what_it_is_and_shows_nothing() -> None:
    text = sealed(Sealer(AesGcm({"2026": NEW})))

    envelope = json.loads(text)
    assert envelope.keys() == {"$codec", "kid", "aad", "data"}
    assert (envelope["$codec"], envelope["kid"]) == ("aesgcm", "2026")
    assert "Zo" not in text
    assert b"Zo" not in base64.b64decode(envelope["data"])


@pytest.mark.parametrize("job_id", [ID, None])
def test_it_opens_again_after_jsonb_has_ordered_its_keys(job_id: UUID | None) -> None:
    sealer = Sealer([Compress(least_bytes=1), AesGcm({"2026": NEW})])
    text = as_jsonb(sealed(sealer, json.dumps({"a": "x" * 500}), job_id))

    assert json.loads(text)["$codec"] == "zlib+aesgcm"
    assert json.loads(sealer.unseal("args", text, "mail", ID)) == {"a": "x" * 500}


def test_old_keys_read_and_the_current_one_writes() -> None:
    before = Sealer(AesGcm({"2025": OLD}))
    after = Sealer(AesGcm({"2025": OLD, "2026": NEW}, current="2026"))

    assert after.unseal("args", sealed(before), "mail", ID) == TEXT
    assert json.loads(sealed(after))["kid"] == "2026"
    anew = after.resealed("args", sealed(before), "mail", ID)
    assert anew is not None
    assert json.loads(anew)["kid"] == "2026"
    assert after.resealed("args", anew, "mail", ID) is None


def test_a_missing_key_is_named_and_a_wrong_one_too() -> None:
    text = sealed(Sealer(AesGcm({"2025": OLD})))

    with pytest.raises(CodecError, match=r"args of a mail job: aesgcm: needs the key '2025'") as no:
        Sealer(AesGcm({"2026": NEW})).unseal("args", text, "mail", ID)
    assert (no.value.codec, no.value.key_id, no.value.kind) == ("aesgcm", "2025", "mail")
    with pytest.raises(CodecError, match="does not open with the key '2025'"):
        Sealer(AesGcm({"2025": NEW})).unseal("args", text, "mail", ID)
    with pytest.raises(CodecError, match="needs the codec 'aesgcm'; this app has: zlib"):
        Sealer().unseal("args", text, "mail", ID)
    assert isinstance(pickle.loads(pickle.dumps(no.value)), CodecError)


@pytest.mark.parametrize(
    ("field", "kind", "job_id"),
    [("output", "mail", ID), ("args", "male", ID), ("args", "mail", uuid4())],
)
def test_it_opens_for_its_own_job_alone(field: str, kind: str, job_id: UUID) -> None:
    sealer = Sealer(AesGcm({"2026": NEW}))

    with pytest.raises(CodecError, match="another job's"):
        sealer.unseal(field, sealed(sealer), kind, job_id)


def test_what_may_be_any_jobs_of_a_kind_is_stored_the_same_each_time() -> None:
    sealer = Sealer(AesGcm({"2026": NEW}))

    assert sealed(sealer, job_id=None) == sealed(sealer, job_id=None)
    assert sealed(sealer, '{"a":1}', None) != sealed(sealer, '{"a":2}', None)
    assert sealed(sealer) != sealed(sealer)
    assert sealer.unseal("args", sealed(sealer, job_id=None), "mail", uuid4()) == TEXT


@pytest.mark.parametrize("where", [0, 20, -1])
def test_a_changed_bit_is_noticed(where: int) -> None:
    sealer = Sealer(AesGcm({"2026": NEW}))
    envelope = json.loads(sealed(sealer))
    data = bytearray(base64.b64decode(envelope["data"]))
    data[where] ^= 1
    envelope["data"] = base64.b64encode(data).decode()

    with pytest.raises(CodecError):
        sealer.unseal("args", json.dumps(envelope), "mail", ID)


def test_plain_payloads_are_read_as_they_are_and_small_ones_left_so() -> None:
    sealer = Sealer(Compress())

    assert sealed(sealer) == TEXT
    assert sealer.unseal("args", TEXT, "mail", ID) == TEXT
    assert sealed(sealer, incompressible := json.dumps(os.urandom(3000).hex()[:2000])) is not None
    assert len(sealed(sealer, incompressible)) <= len(incompressible)


def test_every_app_reads_what_needs_no_key() -> None:
    large = json.dumps({"a": "x" * 5000})

    assert Sealer().unseal("args", sealed(Sealer(Compress()), large), "mail", ID) == large


def test_a_bomb_is_defused() -> None:
    bomb = base64.b64encode(zlib.compress(b"0" * 6_000_000)).decode()

    with pytest.raises(CodecError, match="larger than 4,194,304 bytes"):
        Sealer().unseal("args", json.dumps({"data": bomb, "$codec": "zlib"}), "mail", ID)
    with pytest.raises(CodecError, match="no base64"):
        Sealer().unseal("args", '{"data": "?", "$codec": "zlib"}', "mail", ID)


def test_nobodys_payload_may_look_like_an_envelope() -> None:
    app = App()

    @app.job
    def mail(**fields: str) -> dict[str, str]:
        return fields

    with pytest.raises(PayloadInvalid, match="reserved"):
        mail.new_job(**{"data": "", "$codec": "zlib"})
    with pytest.raises(PayloadInvalid, match="reserved"):
        mail.encode_output({"data": "", "$codec": "zlib"})
    assert mail.new_job(**{"$codec": "zlib"}).args == '{"$codec":"zlib"}'


def test_limits_hold_for_what_is_stored_as_for_what_is_in_it() -> None:
    limits = PayloadLimits(args_bytes=1000)
    large, medium = "x" * 2000, "x" * 900
    squeezed = App(codec=Compress(least_bytes=1), limits=limits)
    secret = App(codec=AesGcm({"2026": NEW}), limits=limits)

    for app in (squeezed, secret):
        app.job(kind="mail")(lambda text: None)
        with pytest.raises(PayloadTooLarge, match="2,0"):
            app.handler("mail").new_job(text=large)
    assert len(squeezed.handler("mail").new_job(text=medium).args) < 500
    with pytest.raises(PayloadTooLarge, match="1,3"):
        secret.handler("mail").new_job(text=medium)


def test_keys_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(codec=AesGcm({"2026": NEW}))
    text = base64.b64encode(NEW).decode()
    monkeypatch.setenv("MY_KEYS", f"2026:{text},2025:{base64.urlsafe_b64encode(OLD).decode()}")
    from_env = App(codec=AesGcm.from_env("MY_KEYS"))
    from_env.prepare()

    for shown in (repr(app.sealer), repr(AesGcm({"2026": NEW})), repr(vars(from_env.sealer))):
        assert text not in shown
        assert repr(NEW)[2:-1] not in shown
    with pytest.raises(UsageError, match=r"use AesGcm\.from_env"):
        cloudpickle.dumps(app)
    crossed = cloudpickle.dumps(from_env)
    assert NEW not in crossed
    assert text.encode() not in crossed
    there = pickle.loads(crossed)
    assert there.sealer.unseal("args", sealed(from_env.sealer), "mail", ID) == TEXT


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "at least one"),
        ({"a": b"short-secret"}, "16, 24 or 32 bytes"),
        ({"a": "no base64 secret"}, "16, 24 or 32 bytes"),
        ({"": NEW}, "key id"),
    ],
)
def test_keys_that_cannot_be_are_refused_without_showing_them(
    keys: Mapping[str, bytes | str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        AesGcm(keys)
    assert "secret" not in str(refused.value)


def test_an_app_is_not_ready_without_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEYS", raising=False)

    with pytest.raises(ConfigError, match="MY_KEYS holds no keys"):
        App(codec=AesGcm.from_env("MY_KEYS")).prepare()
    with pytest.raises(ConfigError, match="the current key 'b' is not among the keys: a"):
        AesGcm({"a": NEW}, current="b")
    with pytest.raises(UsageError, match="two layers of one codec"):
        App(codec=[Compress(), Compress(9)])
    with pytest.raises(UsageError, match="takes a codec"):
        App(codec="aesgcm")  # type: ignore[arg-type]
