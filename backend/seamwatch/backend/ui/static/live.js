// Keeps a fragment of the page up to date: polls with its ETag, changes only what differs, so that focus, text
// selection and scroll position stay. Pauses in a hidden tab and on demand; slows down while the server is away.
(() => {
  "use strict";
  const host = document.querySelector("[data-live]");
  if (!host) return;
  const state = document.querySelector("[data-live-state]");
  const pause = document.querySelector("[data-live-pause]");
  const reload = document.querySelector("[data-live-reload]");
  const announce = document.querySelector("[data-live-announce]");
  const interval = Number(host.dataset.liveIntervalMs) || 2000;
  const slowest = 30000;
  let etag = null;
  let timer = 0;
  let failures = 0;
  let running = null;
  let paused = false;
  try { paused = sessionStorage.getItem("seamwatch.paused") === "1"; } catch { /* private mode */ }

  const show = (name, text) => {
    state.dataset.state = name;
    if (state.textContent !== text) state.textContent = text;
  };
  const clock = () => new Date().toISOString().slice(11, 19);

  const copyAttributes = (from, to) => {
    for (const { name } of [...to.attributes]) if (!from.hasAttribute(name)) to.removeAttribute(name);
    for (const { name, value } of from.attributes) if (to.getAttribute(name) !== value) to.setAttribute(name, value);
  };
  const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") : null);
  const isSame = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

  // Makes `old` look like `next`, reusing its nodes; rows with a data-key are moved, not rewritten.
  const morph = (old, next) => {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
      return;
    }
    const wasOpen = old.nodeName === "DETAILS" && old.open;
    copyAttributes(next, old);
    if (wasOpen) old.open = true;
    morphChildren(old, next);
  };
  const morphChildren = (old, next) => {
    const keyed = new Map();
    for (const child of old.children) if (keyOf(child) !== null) keyed.set(keyOf(child), child);
    let place = old.firstChild;
    for (const wanted of [...next.childNodes]) {
      const key = keyOf(wanted);
      const known = key === null ? null : keyed.get(key);
      if (known && known !== place && known.nodeName === wanted.nodeName) {
        if (old.moveBefore) old.moveBefore(known, place);  // keeps the focus
        else old.insertBefore(known, place);
        morph(known, wanted);
      } else if (place && isSame(place, wanted)) {
        morph(place, wanted);
        place = place.nextSibling;
      } else {
        old.insertBefore(document.importNode(wanted, true), place);
      }
    }
    while (place) {
      const after = place.nextSibling;
      place.remove();
      place = after;
    }
  };

  const states = (root) => new Map([...root.querySelectorAll("[data-key][data-state]")].map((row) => [row.dataset.key, row.dataset.state]));
  const say = (before, after) => {
    const changes = [...after].filter(([name, now]) => before.has(name) && before.get(name) !== now);
    if (changes.length) announce.textContent = changes.map(([name, now]) => `${name} is ${now}`).join(", ");
  };

  const refresh = async () => {
    running = new AbortController();
    const limit = setTimeout(() => running.abort(), 10000);
    try {
      const headers = { Accept: "text/html", "X-Seamwatch-Fragment": "1" };
      if (etag) headers["If-None-Match"] = etag;
      const answer = await fetch(host.dataset.live, { headers, cache: "no-store", credentials: "same-origin", redirect: "manual", signal: running.signal });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
        show("off", "Signed out. Reload to sign in again");
        return false;
      }
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const body = await answer.text();
        etag = answer.headers.get("ETag");
        const next = new DOMParser().parseFromString(`<div>${body}</div>`, "text/html").body.firstElementChild;
        const before = states(host);
        const focused = host.contains(document.activeElement) ? document.activeElement : null;
        morphChildren(host, next);
        if (focused && focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
        say(before, states(host));
      }
      failures = 0;
      host.dataset.liveUpdates = String(Number(host.dataset.liveUpdates || 0) + 1);
      show("live", `Live, ${clock()} UTC`);
    } catch (error) {
      if (paused || document.hidden) return true;
      failures += 1;
      show("lost", "No answer from the server, trying again");
    } finally {
      clearTimeout(limit);
      running = null;
    }
    return true;
  };

  const schedule = () => {
    clearTimeout(timer);
    if (paused || document.hidden) return;
    timer = setTimeout(tick, Math.min(slowest, interval * 2 ** Math.min(failures, 4)));
  };
  const tick = async () => {
    if (running || paused || document.hidden) return;
    if (await refresh()) schedule();
  };
  const apply = () => {
    pause.textContent = paused ? "Resume" : "Pause";
    if (paused) {
      clearTimeout(timer);
      if (running) running.abort();
      show("paused", `Paused at ${clock()} UTC`);
    } else {
      show("live", "Live");
      tick();
    }
  };

  pause.hidden = false;
  reload.hidden = true;
  pause.addEventListener("click", () => {
    paused = !paused;
    try { sessionStorage.setItem("seamwatch.paused", paused ? "1" : "0"); } catch { /* private mode */ }
    apply();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : tick()));
  apply();
})();
