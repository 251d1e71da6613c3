// Runs before the first paint, so that the page never flashes in the other theme.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem("hindcast.theme");
  } catch (_) {
    // Storage is blocked: follow the system.
  }
  var light = stored ? stored === "light" : matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();
