import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** Where `npm run dev` finds a running Hindcast (or the tests' fake server). */
const backend = "http://127.0.0.1:8000";

/** Of Swagger UI what `/docs` loads, as it is published: the page has to work without the internet. */
const swagger = ["swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css", "LICENSE", "NOTICE"];

function swaggerFiles(): Plugin {
  return {
    name: "swagger-files",
    generateBundle() {
      for (const name of swagger) {
        const source = readFileSync(`node_modules/swagger-ui-dist/${name}`, "utf8");
        const said = source.replace(/^(\/\/|\/\*)# sourceMappingURL=.*$/m, "");
        this.emitFile({ type: "asset", fileName: `docs/${name}`, source: said });
      }
    },
  };
}

export default defineConfig({
  plugins: [swaggerFiles()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    outDir: "../serve/ui",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    // Nothing becomes a data: address: the content security policy allows scripts and fonts from the origin only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/live": { target: backend, ws: true }, "/v1": backend },
  },
});
