// Drag over the timeline to zoom into it; the links above it do the same without a pointer.
"use strict";
(() => {
  let drag = null;

  function seconds(svg, event) {
    const box = svg.getBoundingClientRect();
    const { begin, end, left, right, width } = svg.dataset;
    const x = (event.clientX - box.left) / box.width * Number(width);
    const part = Math.min(1, Math.max(0, (x - left) / (right - left)));
    return { x: Number(left) + part * (right - left), at: Number(begin) + part * (end - begin) };
  }

  document.addEventListener("pointerdown", (event) => {
    const svg = event.target.closest("svg.timeline");
    if (!svg || event.button !== 0 || event.target.closest("a")) return;
    const chosen = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    chosen.classList.add("chosen");
    chosen.setAttribute("y", 18);
    chosen.setAttribute("height", svg.viewBox.baseVal.height - 18);
    chosen.setAttribute("width", 0);
    svg.append(chosen);
    drag = { svg, chosen, from: seconds(svg, event) };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const now = seconds(drag.svg, event);
    drag.chosen.setAttribute("x", Math.min(now.x, drag.from.x));
    drag.chosen.setAttribute("width", Math.abs(now.x - drag.from.x));
  });
  document.addEventListener("pointercancel", () => { drag?.chosen.remove(); drag = null; });
  document.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { svg, chosen, from } = drag;
    chosen.remove();
    drag = null;
    if (!svg.isConnected) return;
    const now = seconds(svg, event);
    if (Math.abs(now.x - from.x) < 6) return;
    const [first, last] = [now.at, from.at].sort((a, b) => a - b);
    location.search = `?from=${first.toFixed(3)}&to=${last.toFixed(3)}`;
  });
})();
