// Times in the viewer's zone (UTC stays in the title), and how long ago they were by the monitor's
// clock: the viewer's may be wrong. Every page, and every part that is fetched, says what time it is.
"use strict";
(() => {
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

  let ahead = 0;   // milliseconds that the monitor's clock is ahead of this one

  function told(moment) {
    const now = Date.parse(moment);
    if (!Number.isNaN(now)) ahead = now - Date.now();
  }

  const now = () => Date.now() + ahead;

  function age(milliseconds) {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  }

  function show(time) {
    const moment = new Date(time.dateTime);
    const shown = time.dataset.shown;
    const text = shown === "age" ? age(now() - moment)
      : shown === "clock" || moment.toDateString() === new Date(now()).toDateString() ? clock.format(moment)
      : whole.format(moment);
    if (time.textContent !== text) time.textContent = text;
  }

  told(document.documentElement.dataset.now);
  document.addEventListener("htmx:beforeSwap", (event) => {
    told(/<html[^>]* data-now="([^"]+)"/.exec(event.detail.xhr.responseText)?.[1]);
  });
  htmx.onLoad((part) => {
    if (part.matches("time[data-shown]")) show(part);
    part.querySelectorAll("time[data-shown]").forEach(show);
  });
  setInterval(() => document.querySelectorAll("time[data-shown=age]").forEach(show), 1000);
})();
