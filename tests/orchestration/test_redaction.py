"""No credential of a tracking server is logged, whoever says it."""

from __future__ import annotations

import logging

import pytest
import requests

from oer_pipeline.orchestration.redaction import Hiding, hide

ADDRESS = "http://anna:s3cret%20word@127.0.0.1:9/mlflow?token=abcd1234&x=longvalue"
WORDS = ("anna", "s3cret", "abcd1234", "longvalue")


def kept(text: str) -> bool:
    return not any(word in text for word in WORDS)


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        f"API request to {ADDRESS}/api/2.0/mlflow failed with exception",
        "HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded with url:"
        " /mlflow?token=abcd1234&x=longvalue (Caused by NewConnectionError('anna'))",
        "password authentication failed for user anna: s3cret word",
        "no host 's3cret%20word@127.0.0.1'",
    ],
)
def test_an_error_names_no_credential(text: str) -> None:
    assert kept(hide(text, ADDRESS))


def test_what_requests_says_names_no_credential() -> None:
    with pytest.raises(requests.ConnectionError) as error:
        requests.get(ADDRESS, timeout=1)
    assert not kept(str(error.value))  # so there is something to hide
    assert kept(hide(str(error.value), ADDRESS))


def test_a_password_with_a_slash_is_hidden() -> None:
    for scheme in ("http", "postgresql"):
        address = f"{scheme}://bob:Hunt/er2x@127.0.0.1:9/db"
        for text in (address, f"Invalid url: {address}", "no host 'Hunt/er2x'"):
            told = hide(text, address)
            assert "Hunt" not in told
            assert "er2x" not in told


def test_what_is_no_credential_stays() -> None:
    for text in ("sqlite:////home/me/mlflow.db", "http://host:5000/x", "2 < 3 ? no"):
        assert hide(text, "sqlite:////home/me/mlflow.db") == text
    assert hide("http://[bad", "http://[bad") == "http://[bad"


def test_tokens_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-12345")
    assert hide("Bearer tok-12345 is wrong") == "Bearer *** is wrong"
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert hide("set graphs: false") == "set graphs: false"


def test_log_lines_of_libraries_and_their_tracebacks() -> None:
    hiding = Hiding(ADDRESS)
    record = logging.makeLogRecord(
        {"name": "urllib3.connectionpool", "msg": "retrying %s", "args": (ADDRESS,)}
    )
    assert hiding.filter(record)
    assert kept(record.getMessage())
    try:
        raise ValueError(ADDRESS)
    except ValueError as error:
        told = (ValueError, error, error.__traceback__)
    record = logging.makeLogRecord({"name": "mlflow", "msg": "x", "exc_info": told})
    assert hiding.filter(record)
    assert kept(logging.Formatter().format(record))
    assert "ValueError" in record.getMessage()
    own = logging.makeLogRecord({"name": "oer_pipeline", "msg": "a?b=c"})
    assert hiding.filter(own)
    assert own.getMessage() == "a?b=c"
