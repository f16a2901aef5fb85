// Times in the viewer's zone (UTC stays in the title), and how long ago they were.
"use strict";
(() => {
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

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
    const text = shown === "age" ? age(Date.now() - moment)
      : shown === "clock" || moment.toDateString() === new Date().toDateString() ? clock.format(moment)
      : whole.format(moment);
    if (time.textContent !== text) time.textContent = text;
  }

  htmx.onLoad((part) => {
    if (part.matches("time[data-shown]")) show(part);
    part.querySelectorAll("time[data-shown]").forEach(show);
  });
  setInterval(() => document.querySelectorAll("time[data-shown=age]").forEach(show), 1000);
})();
