// Walks, folds and lengthens the waterfall. Without it every row is a link that opens the span's details.
(() => {
  "use strict";
  const waterfall = document.querySelector("[data-waterfall]");
  if (!waterfall) return;
  const details = document.querySelector("[data-details]");
  const tree = waterfall.querySelector("[role=tree]");
  const height = 28;
  let rows = [];
  let focused = null;
  let opening = null;

  const visible = () => rows.filter((row) => !row.hasAttribute("hidden"));
  const collect = () => { rows = [...tree.querySelectorAll("a.row")]; };
  const level = (row) => Number(row.getAttribute("aria-level"));

  // Gives each visible row its place; a chunk is one <svg>, as tall as its visible rows.
  const arrange = () => {
    for (const chunk of tree.querySelectorAll("svg.fall")) {
      let place = 0;
      for (const row of chunk.querySelectorAll("a.row")) {
        if (row.hasAttribute("hidden")) continue;
        row.setAttribute("transform", `translate(0 ${place * height})`);
        place += 1;
      }
      chunk.setAttribute("height", String(place * height));
    }
  };
  const refold = () => {
    let folded = Infinity;
    for (const row of rows) {
      const depth = level(row);
      if (depth > folded) {
        row.setAttribute("hidden", "");
        continue;
      }
      row.removeAttribute("hidden");
      folded = row.getAttribute("aria-expanded") === "false" ? depth : Infinity;
    }
    arrange();
  };
  const fold = (row, isOpen) => {
    if (!row.hasAttribute("aria-expanded")) return;
    row.setAttribute("aria-expanded", String(isOpen));
    refold();
  };

  // One row is in the tab order, the arrows move it.
  const tabStop = (row) => {
    if (focused) focused.setAttribute("tabindex", "-1");
    focused = row;
    row.setAttribute("tabindex", "0");
  };
  const focus = (row) => {
    if (!row) return;
    tabStop(row);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const prepare = () => {
    collect();
    for (const row of rows) if (row !== focused) row.setAttribute("tabindex", "-1");
    if (!focused) tabStop(rows.find((row) => row.getAttribute("aria-selected") === "true") || rows[0]);
  };
  const parentOf = (row) => {
    for (let index = rows.indexOf(row) - 1; index >= 0; index -= 1) if (level(rows[index]) < level(row)) return rows[index];
    return null;
  };

  const mark = (row) => {
    for (const other of rows) if (other !== row) other.removeAttribute("aria-selected");
    if (row) row.setAttribute("aria-selected", "true");
  };
  const open = async (href, { keepFocus }) => {
    const url = new URL(href, location.href);
    const span = url.searchParams.get("span");
    if (opening) opening.abort();
    opening = new AbortController();
    const row = rows.find((candidate) => new URL(candidate.href.baseVal, location.href).searchParams.get("span") === span);
    mark(row);
    try {
      const answer = await fetch(`${location.pathname}/spans/${encodeURIComponent(span)}`, { headers: { "X-Seamwatch-Fragment": "1" }, credentials: "same-origin", redirect: "error", signal: opening.signal });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      details.replaceChildren(...[...next.body.childNodes].map((node) => document.importNode(node, true)));
      details.scrollTop = 0;
      url.hash = "";
      history.replaceState(null, "", url);
      if (!keepFocus) details.focus({ preventScroll: false });
    } catch (error) {
      if (error.name !== "AbortError") location.assign(href);
    }
  };

  const plain = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  tree.addEventListener("click", (event) => {
    const row = event.target.closest("a.row");
    if (!row || !plain(event)) return;
    event.preventDefault();
    tabStop(row);
    if (event.target.closest(".twist")) fold(row, row.getAttribute("aria-expanded") === "false");
    else open(row.href.baseVal, { keepFocus: true });
  });
  details.addEventListener("click", (event) => {
    const target = event.target.closest("a[data-select]");
    if (!target || !plain(event)) return;
    event.preventDefault();
    open(target.href, { keepFocus: false });
  });
  tree.addEventListener("keydown", (event) => {
    const row = event.target.closest("a.row");
    if (!row || event.metaKey || event.ctrlKey || event.altKey) return;
    const shown = visible();
    const place = shown.indexOf(row);
    const expanded = row.getAttribute("aria-expanded");
    const moves = {
      ArrowDown: () => focus(shown[place + 1]),
      ArrowUp: () => focus(shown[place - 1]),
      Home: () => focus(shown[0]),
      End: () => focus(shown[shown.length - 1]),
      PageDown: () => focus(shown[Math.min(shown.length - 1, place + 15)]),
      PageUp: () => focus(shown[Math.max(0, place - 15)]),
      ArrowRight: () => (expanded === "false" ? fold(row, true) : expanded === "true" && focus(shown[place + 1])),
      ArrowLeft: () => (expanded === "true" ? fold(row, false) : focus(parentOf(row))),
      Enter: () => open(row.href.baseVal, { keepFocus: true }),
      " ": () => open(row.href.baseVal, { keepFocus: true }),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  });

  // Further rows come when their button nears the screen, a chunk at a time.
  const more = waterfall.querySelector("[data-more]");
  if (more) {
    let loading = false;
    const load = async () => {
      if (loading || !more.dataset.more) return;
      loading = true;
      try {
        const answer = await fetch(more.dataset.more, { headers: { "X-Seamwatch-Fragment": "1" }, credentials: "same-origin", redirect: "error" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const next = new DOMParser().parseFromString(await answer.text(), "text/html");
        const chunk = next.querySelector("svg.fall");
        if (chunk) tree.append(document.importNode(chunk, true));
        prepare();
        refold();
        const following = next.querySelector("[data-more]");
        if (following) {
          more.dataset.more = following.dataset.more;
          more.textContent = following.textContent;
        } else {
          delete more.dataset.more;
          more.parentElement.remove();
        }
      } catch {
        observer.disconnect();  // the link itself still works
      } finally {
        loading = false;
      }
    };
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load(), { rootMargin: "400px" });
    observer.observe(more);
    more.addEventListener("click", (event) => {
      if (!plain(event)) return;
      event.preventDefault();
      load();
    });
  }

  for (const element of waterfall.querySelectorAll("[data-needs-script]")) element.hidden = false;
  waterfall.classList.add("is-scripted");
  if (tree.querySelector("a.row")) prepare();
})();
