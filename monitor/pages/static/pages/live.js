// The live part of a page, the element with `data-live` (kinds of the monitor's event stream), is
// fetched anew when something of these kinds has happened. One stream a page, none while nobody
// looks at it: a browser opens six connections to a host, and people keep many pages open.
"use strict";
(() => {
  const SOON_MS = 30, GAP_MS = 250, SILENT_MS = 40000, UNSEEN_MS = 15000, LOOK_MS = 15000;
  const LEAVING_MS = 5000;
  const RETRY_MS = [200, 1000, 2000, 5000];
  const WORDS = { live: "live", lost: "connection lost; trying again", paused: "paused",
                  out: "you are signed out" };
  const mark = document.getElementById("connection");
  const pause = document.getElementById("pause");
  let sent = "";             // what the server last sent for the part
  let stream = null, failures = 0;
  let waiting = null;        // the timer after which the part is fetched
  let busy = false, dirty = false;   // it is being fetched; something has happened since
  let finished = -Infinity;  // when it was last fetched
  let paused = false, held = false, leaving = false;

  const live = () => document.querySelector("[data-live]");

  function show(state) {
    if (!mark) return;
    mark.hidden = pause.hidden = state === null;
    if (state === null || mark.dataset.state === state) return;
    mark.dataset.state = state;
    mark.textContent = WORDS[state];
  }

  // Fetching.

  function changed(after = SOON_MS) {
    if (busy) { dirty = true; return; }
    if (waiting !== null) return;
    const gap = Number(live()?.dataset.gap ?? GAP_MS);
    waiting = setTimeout(refresh, Math.max(after, finished + gap - performance.now()));
  }

  function refresh() {
    waiting = null;
    if (busy) { dirty = true; return; }
    if (paused || held || leaving || document.hidden) return;
    const part = live();
    if (!part || selectedIn(part)) return;
    dirty = false;
    htmx.trigger(part, "changed");
    if (!busy) changed(RETRY_MS[2]);   // htmx does not know the part yet
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.dataset.live) busy = true;
  });

  function selectedIn(part) {   // whoever copies a text keeps it
    const selection = getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (!part?.dataset.live) return;
    const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    const text = page.getElementById(part.id)?.outerHTML;
    if (event.detail.xhr.status >= 400 || text === undefined || text === sent) {
      event.detail.shouldSwap = false;
      return;
    }
    sent = text;
    keepPlaces(part);
  });

  // Open details, scrolled tables and the focus stay where they were.
  function keepPlaces(part) {
    const open = [...part.querySelectorAll("details[id]")].filter((one) => one.open);
    const places = [...part.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    const [kind, key] = active?.getAttribute("href") ? ["href", active.getAttribute("href")]
      : ["aria-label", active?.getAttribute("aria-label")];
    document.addEventListener("htmx:afterSwap", () => {
      const now = document.getElementById(part.id);
      open.forEach((one) => { const same = document.getElementById(one.id); if (same) same.open = true; });
      now?.querySelectorAll(".scroll").forEach((one, index) => {
        [one.scrollLeft, one.scrollTop] = places[index] ?? [0, 0];
      });
      if (key) now?.querySelector(`[${kind}="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
    }, { once: true });
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.target?.dataset.live) return;   // `elt` is what is left of it in the page
    busy = false;
    finished = performance.now();
    const status = event.detail.xhr.status;
    if (!live()) { end(); show(null); return; }   // what it showed has come to its end
    if (status === 401) { end(); show("out"); return; }
    if (status === 0 || status >= 500) {
      if (!leaving) show("lost");
      changed(RETRY_MS[2]);
    } else if (stream && !paused) {
      show("live");
    }
    if (dirty) changed();
  });

  setInterval(() => {   // what no event tells of, as heartbeats without a change
    const look = Number(live()?.dataset.look ?? LOOK_MS);
    if (stream && performance.now() - finished > look) changed();
  }, 1000);

  // The stream.

  async function follow() {
    const own = stream = new AbortController();
    let alarm = null;
    const heard = () => {
      clearTimeout(alarm);
      alarm = setTimeout(() => own.abort(), SILENT_MS);
    };
    try {
      heard();
      const address = `/api/messages/stream/?kinds=${live().dataset.live}`;
      const answer = await fetch(address, { signal: own.signal, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) { stream = null; show("out"); return; }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let begun = "", first = true;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Error("the stream ended");
        heard();
        const frames = (begun + value).split("\n\n");
        begun = frames.pop();
        for (const frame of frames) {
          const name = /^event: (.*)$/m.exec(frame)?.[1];
          if (name === "dropped") throw new Error("dropped");
          if (first) {   // from here on nothing is missed; what was missed before is fetched
            first = false; failures = 0; show(paused ? "paused" : "live"); changed();
          }
          if (name !== "connected" && name !== "heartbeat") changed();
        }
      }
    } catch {
      // the reason does not matter: it is tried again
    } finally {
      clearTimeout(alarm);
      own.abort();
    }
    if (stream !== own) return;   // ended on purpose
    stream = null;
    show("lost");
    setTimeout(begin, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  }

  function begin() {
    if (stream === null && !document.hidden && live()) follow();
  }

  function end() {
    const own = stream;
    stream = null;
    own?.abort();
  }

  // People.

  addEventListener("offline", () => stream?.abort());   // tried again: the monitor may be this host
  addEventListener("online", begin);
  let unseen = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(unseen);
    if (document.hidden) unseen = setTimeout(end, UNSEEN_MS);
    else { begin(); changed(); }
  });
  // a click is meant for what stood there when the button went down
  addEventListener("pointerdown", () => { held = true; });
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, () => { held = false; changed(GAP_MS); });
  }
  pause?.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    show(paused ? "paused" : stream ? "live" : "lost");
    if (!paused) changed();
  });
  addEventListener("submit", () => {   // the page is about to be left
    leaving = true;
    end();
    setTimeout(stay, LEAVING_MS);
  });
  function stay() {
    leaving = false;
    if (live()) { begin(); changed(); }
  }
  addEventListener("pagehide", end);
  addEventListener("pageshow", stay);
})();
