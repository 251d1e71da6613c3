#!/bin/sh
# A plain text as the secret of a Standard Webhook is another key in each of the specification's own libraries.
#
# PyPI standardwebhooks 1.1.0 takes any ASCII text: characters outside the base64 alphabet are dropped without a word and the rest is
# decoded, so "a-b-c-d" and "abcd" are one key, and it is neither the text's bytes nor an error. npm standardwebhooks 1.1.1 refuses
# the same text. Who signs with the bytes of the text (a plain HMAC) is verified by neither.
#
# Source: standardwebhooks/webhooks.py, Webhook.__init__ (base64.b64decode without validate=True); @stablelib/base64's decode in npm.
# Seen: python: a-b-c-d == abcd, the text's own HMAC is refused; node: a-b-c-d throws, abcd signs as python does.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check standardwebhooks==1.1.0
npm install --silent --no-fund --no-audit standardwebhooks@1.1.1 >/dev/null

cat > sign.py <<'PYTHON'
import base64, hashlib, hmac, time
from datetime import datetime, timezone
from standardwebhooks import Webhook, WebhookVerificationError

at = datetime.fromtimestamp(1_700_000_000, timezone.utc)
dashed, joined = (Webhook(text).sign("id", at, "{}") for text in ("a-b-c-d", "abcd"))
assert dashed == joined, (dashed, joined)

now = str(int(time.time()))
own = base64.b64encode(hmac.new(b"a-b-c-d", f"id.{now}.{{}}".encode(), hashlib.sha256).digest()).decode()
try:
    Webhook("a-b-c-d").verify("{}", {"webhook-id": "id", "webhook-timestamp": now, "webhook-signature": f"v1,{own}"})
except WebhookVerificationError:
    print("python: a-b-c-d is the key of abcd; an HMAC with the text's own bytes is refused;", joined)
else:
    raise SystemExit("the library takes the text's bytes now")
PYTHON
venv/bin/python sign.py | tee python.txt

cat > sign.js <<'NODE'
const { Webhook } = require("standardwebhooks");
let refused = "";
try {
  new Webhook("a-b-c-d");
} catch (error) {
  refused = error.message;
}
if (!refused) process.exit(1);
console.log(`node: a-b-c-d: ${refused}; abcd signs`, new Webhook("abcd").sign("id", new Date(1700000000000), "{}"));
NODE
node sign.js | tee node.txt

[ "$(awk '{print $NF}' python.txt)" = "$(awk '{print $NF}' node.txt)" ]
echo "As recorded: the same text is a silent other key in Python, and an error in JavaScript."
