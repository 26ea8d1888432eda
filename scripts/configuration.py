"""`pahara config validate|show`: what a configuration file says, or all that is wrong with it."""

import json
import sys
from pathlib import Path

import msgspec

from engine.errors import ConfigInvalid
from scripts import exits
from supervisors.config import fingerprint, load_config


def print_faults(error: ConfigInvalid, *, as_json: bool = False) -> int:
    """Print every fault, one a line (or as JSON), and return the exit code for it."""
    if as_json:
        print(json.dumps({"faults": list(error.faults)}))
    else:
        print(f"configuration invalid, {len(error.faults)} fault(s):", file=sys.stderr)
        for fault in error.faults:
            print(f"  - {fault}", file=sys.stderr)
    return exits.CONFIG


def validate(path: Path, *, as_json: bool = False) -> int:
    """Check a file; exit code 0 or 4."""
    try:
        config = load_config(path)
    except ConfigInvalid as error:
        return print_faults(error, as_json=as_json)
    answer = {"valid": True, "config_sha": fingerprint(config)}
    print(json.dumps(answer) if as_json else f"valid, config_sha {answer['config_sha']}")
    return exits.OK


def show(path: Path, *, as_json: bool = False) -> int:
    """Print the effective configuration with all defaults filled in."""
    try:
        config = load_config(path)
    except ConfigInvalid as error:
        return print_faults(error, as_json=as_json)
    builtins = msgspec.to_builtins(config)
    if as_json:
        print(json.dumps({"config_sha": fingerprint(config), "config": builtins}))
    else:
        sys.stdout.write(msgspec.yaml.encode(config).decode())
    return exits.OK
