"""What `make audit` makes of what its tools say; above all, that silence is no good news."""

import json
from typing import Any

import pytest

from deploy.audit import Advisory, Secret, Unreachable, read_npm_audit, read_pip_audit, read_secrets


def weak(**changes: Any) -> dict[str, Any]:
    """A package as pip-audit reports one that is known to be weak."""
    found = {"id": "PYSEC-2024-1", "fix_versions": ["2.0", "1.9.1"], "aliases": ["CVE-2024-1"], **changes}
    return {"name": "weak", "version": "1.0", "vulns": [{"description": "…", **found}]}


GOOD = {"name": "good", "version": "1.0", "vulns": []}
SKIPPED = {"name": "other", "skip_reason": "Dependency not found on PyPI and could not be audited"}
AS_GHSA = {"aliases": ["CVE-2024-1", "GHSA-aaaa-bbbb-cccc"], "fix_versions": []}


def test_advisories_of_pypi_are_named_with_the_versions_that_mend_them() -> None:
    said = json.dumps({"dependencies": [GOOD, weak(), weak(**AS_GHSA)], "fixes": []})
    address = "https://osv.dev/vulnerability/PYSEC-2024-1"
    assert read_pip_audit(said) == [
        Advisory("PYSEC-2024-1", "weak 1.0", "2.0 or 1.9.1", address),
        Advisory("GHSA-aaaa-bbbb-cccc", "weak 1.0", "no version yet", address),
    ]
    assert read_pip_audit(json.dumps({"dependencies": [GOOD]})) == []


@pytest.mark.parametrize(
    "said", ["", "Traceback", "{}", json.dumps({"dependencies": [GOOD, SKIPPED, weak()]})]
)
def test_a_package_that_pypi_does_not_tell_of_is_unknown(said: str) -> None:
    with pytest.raises(Unreachable):
        read_pip_audit(said)


def test_each_advisory_of_npm_is_named_once() -> None:
    address = "https://github.com/advisories/GHSA-aaaa-bbbb-cccc"
    via = {"source": 1, "name": "weak", "url": address, "range": "<2.0.0", "severity": "high"}
    vulnerabilities = {
        "weak": {"name": "weak", "via": [via], "fixAvailable": True},
        "user": {"name": "user", "via": ["weak"], "fixAvailable": True},
        "twin": {"name": "twin", "via": [via], "fixAvailable": False},
    }
    said = json.dumps({"auditReportVersion": 2, "vulnerabilities": vulnerabilities})
    wanted = Advisory("GHSA-aaaa-bbbb-cccc", "weak", "those outside <2.0.0", address)
    assert read_npm_audit(said) == [wanted]
    assert read_npm_audit(json.dumps({"auditReportVersion": 2, "vulnerabilities": {}})) == []


@pytest.mark.parametrize("said", ["", "npm error", "{}", '{"message": "405 Method Not Allowed"}'])
def test_a_registry_that_does_not_answer_is_unknown(said: str) -> None:
    with pytest.raises(Unreachable) as raised:
        read_npm_audit(said)
    assert ("405" in said) is ("405" in str(raised.value))


def test_secrets_are_named_without_being_shown() -> None:
    one = {"type": "AWS Access Key", "hashed_secret": "ab12", "line_number": 7, "is_verified": False}
    assert read_secrets(json.dumps({"results": {"a.py": [one]}})) == [
        Secret("ab12", "AWS Access Key", "a.py:7")
    ]
    with pytest.raises(ValueError, match="Expecting"):
        read_secrets("")
