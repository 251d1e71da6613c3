(() => {
  const script = document.currentScript, to = new URL("v1/site", script.src).href, key = script.dataset.key
  const unwanted = () => {
    if (navigator.doNotTrack == "1" || window.doNotTrack == "1" || navigator.globalPrivacyControl) return true
    try { return localStorage.hindcast == "off" } catch { return false }
  }
  const id = () => crypto.randomUUID ? crypto.randomUUID() : Date.now() + "-" + Math.random()
  let last, referrer = document.referrer
  const send = (type, data) => {
    if (unwanted()) return
    const body = JSON.stringify({ key, id: id(), type, url: location.href, title: document.title, referrer, data })
    if (!navigator.sendBeacon || !navigator.sendBeacon(to, body))
      fetch(to, { method: "POST", body, keepalive: true, mode: "no-cors" }).catch(() => {})
  }
  const page = () => {
    const here = location.pathname + location.search
    if (here == last) return
    if (last !== undefined) referrer = location.origin + last
    last = here
    send("page.viewed")
  }
  for (const name of ["pushState", "replaceState"]) {
    const was = history[name]
    history[name] = function () { was.apply(this, arguments); page() }
  }
  addEventListener("popstate", page)
  const choose = (said) => () => { try { localStorage.hindcast = said } catch {} }
  window.hindcast = { track: send, optOut: choose("off"), optIn: choose("on") }
  document.prerendering ? document.addEventListener("prerenderingchange", page, { once: true }) : page()
})()
