"""The search for secrets finds them."""

from twinkle_host.mock_gpio import witness


def test_what_was_said_is_found_without_being_said_again(monkeypatch):
    monkeypatch.setattr(witness, "_said", [])
    monkeypatch.setattr(witness, "_secrets", {witness.TOKEN})
    witness.note("a log", "ready\nkey AAECAwQFBgcICQo= taken\n")
    assert list(witness.found()) == []
    witness.keep_secret(
        "HostName=h;DeviceId=d;SharedAccessKey=AAECAwQFBgcICQo=;Port=1", "a password", None, "x"
    )
    (sentence,) = witness.found()
    assert sentence == "a log says a secret in line 2 of what was noted"
    witness.note("a console", "SharedAccessSignature sr=h&sig=x&se=1")
    assert len(list(witness.found())) == 2
    assert witness.summary().endswith("3 secrets")
