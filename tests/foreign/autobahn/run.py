# Runs the fuzzing client of Autobahn's test suite, which stands on Python 2.7, against a server
# that says everything back, and prints a line for each case: its number, what came of it, what
# came of its closing handshake, and for how many milliseconds it ran.
#
#     python2.7 run.py PACKAGES URL FOLDER CASE...
import json
import os
import site
import sys

packages, url, folder = sys.argv[1:4]
cases = sys.argv[4:]
site.addsitedir(packages)
spec = os.path.join(folder, "spec.json")
with open(spec, "w") as out:
    json.dump({
        "outdir": folder,
        "servers": [{"agent": "snug-ws", "url": url}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }, out)
sys.argv = ["wstest", "-m", "fuzzingclient", "-s", spec]

from autobahntestsuite.wstest import run

run()
with open(os.path.join(folder, "index.json")) as report:
    found = json.load(report)["snug-ws"]
for case in sorted(found, key=lambda case: [int(part) for part in case.split(".")]):
    came = found[case]
    print("case %s %s %s %d" % (case, came["behavior"].replace(" ", "-"),
                                came["behaviorClose"].replace(" ", "-"), came["duration"]))
