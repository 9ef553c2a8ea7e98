"""What can be reached from here: proxies, the package index and the Hugging Face Hub.

pip's own configuration names the index, huggingface_hub's the Hub. Whatever answers is reachable, even if it says no.
"""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cutaway.models.fetching import offline
from cutaway.models.finding import Finding

TOPIC: Final = "network"
_WAIT: Final = 2.5  # seconds for all answers together
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def network_findings() -> list[Finding]:
    """Return the proxy variables, and whether index and Hub answer; nothing is asked under `--offline`."""
    found = [*_proxies()]
    if offline():
        advice = "to ask: without --offline, and unset HF_HUB_OFFLINE"
        return [*found, Finding(TOPIC, "reachable", "not asked: downloading is forbidden", "note", advice)]
    return found + _both(_index, _hub)


def without_password(value: str) -> str:
    """Return an address whose user and password are masked.

    >>> without_password("http://me:secret@proxy:3128"), without_password("me:secret@proxy:3128")
    ('http://***@proxy:3128', '***@proxy:3128')
    """
    return re.sub(r"(?:(?<=//)|(?<![^\s,=]))[^/\s,]*@", "***@", value)


def _proxies() -> list[Finding]:
    found = []
    for name in _PROXIES:
        small, large = os.environ.get(name), os.environ.get(name.upper())
        for variable, value in ((name, small), (name.upper(), None if large == small else large)):
            if value:
                found.append(Finding(TOPIC, variable, without_password(value)))
        if small and large and small != large:
            advice = f"some programs read {name}, others {name.upper()}: give both the same value"
            found[-1] = Finding(TOPIC, name.upper(), without_password(large), "note", advice)
    return found or [Finding(TOPIC, "proxy", "none set")]


def _both(*checks: Callable[[], Finding]) -> list[Finding]:
    """Run checks at once; what has no answer after some seconds is not waited for."""
    results: list[Finding | None] = [None] * len(checks)

    def run(place: int) -> None:
        results[place] = checks[place]()

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(checks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_WAIT)
    names = ("package index", "Hugging Face Hub")
    late = [_failed(name, f"no answer within {_WAIT:g} s") for name in names]
    return [one or slow for one, slow in zip(results, late, strict=True)]


_ADVICE: Final = {
    "package index": "set HTTPS_PROXY for a proxy, PIP_INDEX_URL for a mirror; models that are cached work without",
    "Hugging Face Hub": "set HTTPS_PROXY for a proxy, HF_ENDPOINT for a mirror; the shelf (`cutaway models list`) "
    "needs no Hub",
}


def _failed(name: str, value: str) -> Finding:
    # Models of the shelf come from the package index: the Hub is not needed.
    return Finding(TOPIC, name, value, "problem" if name == "package index" else "note", _ADVICE[name])


def _index() -> Finding:
    name = "package index"
    if os.environ.get("PIP_NO_INDEX", "").lower() in {"1", "yes", "true", "on"}:
        return Finding(TOPIC, name, "switched off by PIP_NO_INDEX", "note", "to use an index: unset PIP_NO_INDEX")
    # pip's help shows the index that it would really ask, from its files and variables, without the password.
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--help"], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "1000"},
    )  # fmt: skip
    if "No module named pip" in done.stderr:
        advice = f"install it: {sys.executable} -m ensurepip"
        return Finding(TOPIC, name, "pip, which fetches models, is not in this environment", "problem", advice)
    address = re.search(r"--index-url.*?\(default:? (\S+?)\)", done.stdout, re.DOTALL)
    if address is None:
        return Finding(TOPIC, name, "pip does not say which one it asks", "note", "see: pip config list")
    return _asked(name, address[1])


def _hub() -> Finding:
    from huggingface_hub.constants import ENDPOINT

    return _asked("Hugging Face Hub", ENDPOINT)


def _asked(name: str, address: str) -> Finding:
    shown = without_password(address)
    parts = urlsplit(address)
    if parts.scheme == "file":
        there = Path(urllib.request.url2pathname(parts.path)).exists()
        return Finding(TOPIC, name, shown) if there else _failed(name, f"{shown} does not exist")
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = urllib.request.Request(plain, method="HEAD")  # noqa: S310 (the user's own settings name it)
    files = (os.environ.get(variable) for variable in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
    try:
        context = ssl.create_default_context(cafile=next(filter(None, files), None))
        urllib.request.urlopen(request, timeout=_WAIT, context=context).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 407:
            advice = "put the user and password into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT"
            return Finding(TOPIC, name, f"{shown}: the proxy asks for a password", "problem", advice)
        if error.code >= 500:
            return _failed(name, f"{shown} answers with error {error.code}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            advice = "a proxy changes the certificates: set PIP_CERT and SSL_CERT_FILE to the file of its authority"
            return Finding(TOPIC, name, f"{shown}: its certificate is not trusted ({reason})", "problem", advice)
        said = getattr(reason, "strerror", None) or reason
        return _failed(name, f"{shown} can't be reached: {said}")
    return Finding(TOPIC, name, f"{shown} answers")
