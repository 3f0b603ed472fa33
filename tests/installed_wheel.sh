#!/bin/sh
# What someone does who has just installed convlint in the environment of this folder, which holds no torch.
set -eu
bin="$(cd "$1" && pwd)"
example="$(cd "$(dirname "$0")/../examples/atss_detector" && pwd)"
elsewhere="$(mktemp -d)"
trap 'rm -rf "$elsewhere"' EXIT
cp -R "$example" "$elsewhere"
cd "$elsewhere"  # not beside the sources of convlint

"$bin/python" --version
"$bin/convlint" --version
! "$bin/python" -c "import torch" 2>/dev/null || exit 1
"$bin/python" -m convlint rule CVL101 | grep -q write-through-alias
"$bin/convlint" check --isolated --output-format concise . > found || [ $? -eq 1 ]
grep -q "detections.py:21:9: error CVL101" found
"$bin/convlint" check --isolated --fix --unsafe-fixes -q . > left || [ $? -eq 1 ]
! grep -q "CVL101" left || exit 1
"$bin/python" -c "import convlint; assert convlint.check(['.']).files > 1"
tail -n 2 found
