#!/bin/sh
# swagger-ui-bundle, the package on PyPI that ships Swagger UI for Python servers, cannot show what FastAPI writes.
#
# Expected: the newest release (1.1.0) renders the OpenAPI document of a current FastAPI, as FastAPI's own /docs does.
# Seen:     it ships Swagger UI 4.15.5, which answers "Unable to render this definition" to OpenAPI 3.1
#           (https://swagger.io: Swagger UI reads OpenAPI 3.1 from version 5.0.0 on); FastAPI writes 3.1 since 0.99.
#           The same page renders with swagger-ui-dist 5 of npm.
# Exits 0 while that is so, 1 once the behaviour has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check swagger-ui-bundle==1.1.0 fastapi==0.115.12
npm install --silent --no-audit --no-fund --ignore-scripts jsdom@26.1.0 swagger-ui-dist@5.35.0 >npm.log 2>&1 || { cat npm.log; exit 2; }
venv/bin/python - <<'PYTHON'
import json, pathlib, fastapi, swagger_ui_bundle

app = fastapi.FastAPI()


@app.get("/hello")
def hello() -> str:
    return "hello"


pathlib.Path("openapi.json").write_text(json.dumps(app.openapi()))
print("FastAPI", fastapi.__version__, "writes OpenAPI", app.openapi()["openapi"])
bundle = next(pathlib.Path(swagger_ui_bundle.__file__).parent.glob("vendor/*/swagger-ui-bundle.js"))
print("swagger-ui-bundle 1.1.0 ships", bundle.parent.name)
pathlib.Path("pypi.js").write_bytes(bundle.read_bytes())
PYTHON
cat > show.cjs <<'NODE'
const { JSDOM } = require("jsdom");
const fs = require("fs");
const dom = new JSDOM('<!doctype html><div id="api"></div>', { runScripts: "outside-only", url: "http://localhost/" });
dom.window.matchMedia ??= () => ({ matches: false, addListener() {}, addEventListener() {} });
dom.window.eval(fs.readFileSync(process.argv[2], "utf8"));
const spec = JSON.parse(fs.readFileSync("openapi.json", "utf8"));
dom.window.SwaggerUIBundle({ spec, dom_id: "#api" });
setTimeout(() => {
  console.log(dom.window.document.body.textContent.replace(/\s+/g, " ").slice(0, 400));
  process.exit(0);
}, 4000);
NODE
old=$(node show.cjs pypi.js 2>/dev/null)
new=$(node show.cjs node_modules/swagger-ui-dist/swagger-ui-bundle.js 2>/dev/null)
echo "PyPI: $old"
echo "npm:  $new"
echo "$old" | grep -q "Unable to render this definition" || { echo "changed: the PyPI package renders it now"; exit 1; }
echo "$new" | grep -q "/hello" || { echo "changed: swagger-ui-dist does not render it"; exit 1; }
