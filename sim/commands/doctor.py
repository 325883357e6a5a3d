"""`inion doctor`: what this machine lacks."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from sim.doctor import examine


def run(args: argparse.Namespace) -> int:
    """Print every check with its cure; exit status 1 if something is wrong."""
    checks = examine()
    if args.json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            print(f"{'ok ' if check.good else 'BAD'}  {check.name:<8}  {check.found}")
            if check.cure:
                print(f"     mend it:  {check.cure}")
    return 0 if all(check.good for check in checks) else 1
