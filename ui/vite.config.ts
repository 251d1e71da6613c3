import { defineConfig } from "vite";

/** Where `npm run dev` finds a running Hindcast (or the tests' fake server). */
const backend = "http://127.0.0.1:8000";

export default defineConfig({
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
